"""dns.resolve: here the name service is the system that is asked."""

from collections.abc import Callable

from breakfix.actions.dns.resolve import Resolve
from breakfix.engine.action import Observation

Sample = Callable[..., Observation]


def test_a_name_with_an_address_is_good(sample: Sample) -> None:
    """Any address, or the one that is asked for."""
    seen = sample(Resolve(name="localhost"))
    assert seen.holds is True
    assert seen.result["addresses"]
    assert sample(Resolve(name="127.0.0.1", address="127.0.0.1")).holds is True


def test_another_address_is_bad(sample: Sample) -> None:
    """The detail says what was found and what was wanted."""
    seen = sample(Resolve(name="127.0.0.1", address="127.0.0.2"))
    assert seen.holds is False
    assert seen.detail == "127.0.0.1, wanted 127.0.0.2"


def test_no_such_name_is_bad(sample: Sample) -> None:
    """Unlike for the other probes, it is not blind."""
    assert sample(Resolve(name="shop.invalid")).holds is False


def test_what_is_no_name_is_blind(sample: Sample) -> None:
    """It could not be asked for at all."""
    assert sample(Resolve(name="a" * 70)).holds is None
