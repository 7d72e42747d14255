"""Scenarios that several tests run, as text."""

SLEEPER = """
    version: 1
    name: sleeper
    targets:
      app: {process: {command: [sleep, "600"]}}
    probes:
      up: {process.running: {}, target: app, every: 50ms, timeout: 5s}
"""
"""A process and its probe; the steps are to follow."""

HELD = """
    version: 1
    name: held
    targets:
      app: {process: {command: [sleep, "600"]}}
    probes:
      up: {process.running: {}, target: app, every: 50ms, timeout: 5s}
    steps:
      - {id: pause, inject: process.pause, target: app}
      - {id: long, wait: 300s, depends_on: [pause]}
      - {id: whole, verify: up, depends_on: [{step: pause, is: undone}], within: 30s}
"""
"""A fault that is held until somebody ends it."""

MENDED = """
    version: 1
    name: mended
    targets:
      app: {process: {command: [sleep, "600"]}}
    probes:
      up: {process.running: {}, target: app, every: 50ms, timeout: 5s}
    steady: [{probe: up, within: 30s}]
    steps:
      - {id: kill, inject: process.kill, target: app}
      - {id: noticed, detect: up, depends_on: [kill], within: 30s}
      - {id: start, remediate: process.start, target: app, depends_on: [noticed]}
      - {id: whole, verify: up, depends_on: [start], consecutive: 2, within: 30s}
    expect:
      - {fault: kill, restored_within: 30s, healed_by: repair}
"""
"""A process that is killed, noticed, started again and verified."""
