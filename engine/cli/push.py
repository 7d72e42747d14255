"""Metrics to a Prometheus Pushgateway: one group for each scenario, which replaces the group before."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Final, TypeVar
from urllib.parse import unquote, urlsplit, urlunsplit

import click

from breakfix.engine.errors import BreakfixError, UsageError
from breakfix.engine.timeline.record import Record, Verdict

F = TypeVar("F", bound=Callable[..., Any])
JOB: Final = "breakfix"
_TIMEOUT_S: Final = 10.0
_TROUBLE: Final = 5


def push(runs: Iterable[tuple[Record, Verdict]], gateway: str) -> None:
    """Push what the runs of each scenario measured, under the grouping key of job and scenario.

    Raises BreakfixError; what was pushed before stays.
    """
    from http.client import HTTPException

    from prometheus_client.exposition import push_to_gateway

    from breakfix.reports import openmetrics

    url, send = address(gateway)
    for one in openmetrics.measured(runs):
        try:
            push_to_gateway(
                url,
                job=JOB,
                registry=openmetrics.registry([one]),
                grouping_key={"scenario": one.scenario},
                timeout=_TIMEOUT_S,
                handler=send,
            )
        except (OSError, HTTPException, ValueError) as error:
            raise BreakfixError(
                f"The metrics of {one.scenario} could not be pushed to {url}: {error}.",
                hint="The verdict and the reports are not touched by that.",
            ) from error


def pushed(runs: Iterable[tuple[Record, Verdict]], gateway: str) -> int:
    """Push, and say on standard error where that failed. The exit code of the push alone: 0 or 5."""
    try:
        push(runs, gateway)
    except BreakfixError as error:
        click.echo(str(error), err=True)
        return _TROUBLE
    return 0


def address(gateway: str) -> tuple[str, Callable[..., Any]]:
    """The address without user and password, and what sends them. Raises UsageError."""
    try:
        parts = urlsplit(gateway if "://" in gateway else f"http://{gateway}")
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise UsageError(f"The URL of the Pushgateway is wrong: {error}.") from error
    if parts.scheme not in ("http", "https") or not host:
        raise UsageError(
            "The URL of the Pushgateway is not of the form http://HOST:PORT.",
            hint="Such as http://pushgateway:9091.",
        )
    host = f"[{host}]" if ":" in host else host
    url = urlunsplit((parts.scheme, f"{host}:{port}" if port else host, parts.path, "", ""))
    from prometheus_client.exposition import basic_auth_handler, default_handler

    if parts.username is None:
        return url, default_handler
    user, password = unquote(parts.username), unquote(parts.password or "")
    return url, partial(basic_auth_handler, username=user, password=password)


def gateway_option(function: F) -> F:
    """``--push-gateway``; its parameter is `gateway`, empty where it is not said."""
    return click.option(
        "--push-gateway",
        "gateway",
        metavar="URL",
        default="",
        envvar="BREAKFIX_PUSH_GATEWAY",
        show_envvar=True,
        callback=_checked,
        help="Push the metrics to this Prometheus Pushgateway; user and password may stand in the URL.",
    )(function)


def _checked(context: click.Context, parameter: click.Parameter, value: str) -> str:
    """A wrong URL is told before anything is run."""
    if value:
        address(value)
    return value
