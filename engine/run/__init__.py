"""The shell around the schedule: task group, limits, clocks, time-outs, cancellation."""
