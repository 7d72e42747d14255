"""Probes of hosts, each on a real host."""

import pytest
from breakfix.actions.host.load import Load
from breakfix.actions.host.memory import Memory
from breakfix.actions.host.disk import Disk
from breakfix.actions.host.command import Command
from breakfix.actions.process.running import Running
from breakfix.actions.tcp.connect import Connect
from breakfix.engine.host_processes import Match

def test_smoke(reach, folder, web, closed_port):
    """x"""
    print(reach.facts())
    print(reach.sample(Load(max=100)))
    print(reach.sample(Memory(available_min="1MiB")))
    print(reach.sample(Disk(path="/", free_min="1MiB", inodes_share_min="1%")))
    print(reach.sample(Disk(path="/nowhere", free_min="1MiB", inodes_share_min="1%")))
    print(reach.sample(Command(argv=("id","-un"))))
    print(reach.sample(Command(argv=("id","-un"), sudo=True, stdout="root")))
    print(reach.sample(Command(argv=("no-such",))))
    print(reach.sample(Command(argv=("sleep","30"),), timeout_s=1))
    print(reach.sample(Running(match=Match(name="sshd"))))
    port = int(web.rpartition(":")[2])
    print(reach.sample(Running(match=Match(port=port))))
    print(reach.sample(Running(match=Match(port=port), sudo=True)))
    print(reach.sample(Connect(host="127.0.0.1", port=port)))
    print(reach.sample(Connect(host="127.0.0.1", port=closed_port)))
