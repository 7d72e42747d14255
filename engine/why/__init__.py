"""Why a run has its verdict, and why a step is in its state: pure folds over the lines of a journal."""

from breakfix.engine.why.grounds import why_run
from breakfix.engine.why.sentences import RunWhy, Sentence, StepWhy
from breakfix.engine.why.steps import why_step

__all__ = ["RunWhy", "Sentence", "StepWhy", "why_run", "why_step"]
