"""Ops as the commands that a person would type."""

import shutil
import subprocess

import pytest

from breakfix.engine.describe import describe, describe_briefly, describe_check, failure
from breakfix.engine.ops import (
    Check,
    DockerOp,
    ExecOp,
    FileOp,
    HttpOp,
    Identity,
    Op,
    Outcome,
    ProcessOp,
    SignalOp,
    SpawnOp,
    unknown,
)

WEB = Identity(kind="docker", name="web", object_id="abc", incarnation="77@then")
SHOP = Identity(kind="process", name="shop", object_id="f00d", incarnation="123@9")


def post(path: str, **more: object) -> DockerOp:
    """A POST to a container."""
    return DockerOp(method="POST", path=path, target=WEB, **more)  # type: ignore[arg-type]


CASES: list[tuple[Op, str]] = [
    (post("/containers/abc/pause"), "docker pause web"),
    (post("/containers/abc/unpause"), "docker unpause web"),
    (post("/containers/abc/stop", query={"t": "10"}), "docker stop --time 10 web"),
    (post("/containers/abc/kill", query={"signal": "SIGTERM"}), "docker kill --signal SIGTERM web"),
    (post("/containers/abc/rename", query={"name": "web-old"}), "docker rename web web-old"),
    (post("/containers/abc/update", body={"NanoCpus": 500000000}), "docker update --cpus 0.5 web"),
    (
        post("/containers/abc/update", body={"Memory": 64 << 20, "MemorySwap": -1}),
        "docker update --memory 67108864 --memory-swap -1 web",
    ),
    (
        post("/containers/abc/update", body={"BlkioWeight": 10}),
        'POST /containers/abc/update {"BlkioWeight":10}',
    ),
    (
        post("/networks/front/disconnect", body={"Container": "abc", "Force": True}),
        "docker network disconnect --force front web",
    ),
    (
        post(
            "/networks/front/connect",
            body={
                "Container": "abc",
                "EndpointConfig": {
                    "IPAMConfig": {"IPv4Address": "10.0.0.5"},
                    "Aliases": ["www"],
                    "Links": None,
                },
            },
        ),
        "docker network connect --ip 10.0.0.5 --alias www front web",
    ),
    (DockerOp(method="GET", path="/containers/abc/json", target=WEB), "docker inspect web"),
    (
        DockerOp(method="DELETE", path="/containers/abc", query={"force": "1"}, target=WEB),
        "docker rm --force web",
    ),
    (
        DockerOp(method="GET", path="/events", query={"until": "2", "since": "1"}),
        "GET /events?since=1&until=2",
    ),
    (
        ExecOp(argv=("say", "a b"), env={"X": "1 2"}, cwd="/my dir"),
        "cd '/my dir' && X='1 2' say 'a b'",
    ),
    (
        ExecOp(via="container", argv=("tc", "-s"), user="root", stdin="hi", target=WEB),
        "printf %s hi | docker exec -i --user root web tc -s",
    ),
    (SignalOp(mark="f00d", signal="SIGCONT", only_incarnation="123@9"), "kill -CONT 123"),
    (SignalOp(mark="", signal="SIGKILL", target=WEB), "kill -KILL 77"),
    (
        SignalOp(mark="f00d", signal="SIGTERM"),
        "kill -TERM $(grep -lsF BREAKFIX_MARK=f00d /proc/[0-9]*/environ | cut -d/ -f3)",
    ),
    (
        SignalOp(mark=unknown("mark of shop"), signal="SIGTERM", target=SHOP),
        "kill -TERM <all processes of shop>",
    ),
    (
        SpawnOp(argv=("serve", "-v"), mark="f00d", output="shop.log"),
        "BREAKFIX_MARK=f00d serve -v >> shop.log 2>&1 &",
    ),
    (
        ProcessOp(mark=unknown("mark of shop"), target=SHOP),
        "ps -o pid,stat,lstart,args <all processes of shop>",
    ),
    (FileOp(path="/etc/x y", content="a\nb"), "printf %s 'a\nb' > '/etc/x y'"),
    (FileOp(path="/etc/x", delete=True), "rm /etc/x"),
    (FileOp(path="/etc/x"), "cat /etc/x"),
    (
        HttpOp(method="POST", url="http://a/?b=c", headers={"A": "${secret:token}"}, body="{}"),
        "curl --request POST --header 'A: ${secret:token}' --data '{}' 'http://a/?b=c'",
    ),
]


@pytest.mark.parametrize(("op", "text"), CASES)
def test_an_op_is_a_command(op: Op, text: str) -> None:
    """What a person would type; a request where there is no command for it."""
    assert describe(op) == text


def test_long_input_is_cut() -> None:
    """A command stays readable."""
    text = describe(FileOp(path="/x", content="a" * 10_000))
    assert len(text) < 600
    assert "..." in text


@pytest.mark.skipif(shutil.which("sh") is None, reason="no POSIX shell")
def test_the_command_for_a_mark_finds_its_processes() -> None:
    """Typed into a shell, it signals what carries the mark."""
    mark = "describe0c0ffee"
    child = subprocess.Popen(["sleep", "300"], env={"BREAKFIX_MARK": mark})
    try:
        command = describe(SignalOp(mark=mark, signal="SIGTERM"))
        done = subprocess.run(["sh", "-c", command], check=False, capture_output=True, timeout=60)
        assert done.returncode == 0, done.stderr
        assert child.wait(timeout=60) == -15
    finally:
        child.kill()
        child.wait(timeout=60)


HOST = Identity(kind="ssh", name="db-1", object_id="k@h", incarnation="boot")


def test_a_script_of_ours_is_named_briefly_with_its_arguments() -> None:
    """A plan says what reaches a host, not how many lines of shell do it; the whole stays what to type."""
    ours = ExecOp(
        via="ssh",
        argv=("sh", "-c", "\na=$1\nb=$2\n", "breakfix", "/a b", ""),
        sudo=True,
        target=HOST,
    )
    assert describe_briefly(ours) == "ssh db-1: sudo -n sh -c <script of 2 lines> '/a b' ''"
    assert "a=$1" in describe(ours)
    assert failure(ours, Outcome(ok=False, code=3)) == f"{describe_briefly(ours)} ended with 3"


@pytest.mark.parametrize(
    "argv",
    [
        ("sh", "-c", "touch /a\ntouch /b", "breakfix"),
        ("sh", "-c", 'rm -f "$1"', "breakfix", "/a"),
        ("sh", "-c", "a\nb", "mine", "/a"),
    ],
)
def test_what_a_scenario_says_is_shown_whole(argv: tuple[str, ...]) -> None:
    """Its texts, and one line of ours, are read before they are agreed to."""
    op = ExecOp(via="ssh", argv=argv, target=HOST)
    assert describe_briefly(op) == describe(op)


def test_a_check_in_words() -> None:
    """Its own words where it has some, else what is read and how it is judged."""
    op = DockerOp(method="GET", path="/containers/abc/json", target=WEB)
    assert describe_check(Check(op=op, pick="/a", is_="eq", value=1, asked="it is 1")) == "it is 1"
    assert (
        describe_check(Check(op=op, pick="/a", is_="eq", value=1)) == "docker inspect web: /a eq 1"
    )
    assert describe_check(Check(op=op, pick="", is_="present")) == (
        "docker inspect web: the answer present"
    )
