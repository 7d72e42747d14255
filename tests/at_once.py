"""The same work in several threads that begin together."""

import threading
from collections.abc import Callable

BEGUN_WITHIN_S = 30.0
OVER_WITHIN_S = 120.0


def at_once(count: int, work: Callable[[int], None]) -> list[BaseException]:
    """Call `work` with each number below `count`, at one time; what the calls have raised."""
    errors: list[BaseException] = []
    gate = threading.Barrier(count)

    def one(number: int) -> None:
        try:
            gate.wait(BEGUN_WITHIN_S)
            work(number)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(OVER_WITHIN_S)
    return errors
