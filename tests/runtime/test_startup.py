"""How a process starts: which others it may join, and where compiled programs are kept."""

import pytest

from gan_jax.errors import InputError
from gan_jax.runtime.startup import enable_compilation_cache, initialise_processes


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("localhost", 2, 0), "--coordinator=localhost: expected host:port"),
        (("localhost:port", 2, 0), "--coordinator=localhost:port: expected host:port"),
        (("localhost:1234", 2, 2), "--num_processes=2 --process_id=2"),
        (("localhost:1234", 0, 0), "--num_processes=0 --process_id=0"),
        (("", 2, 1), "--num_processes=2 without --coordinator"),
    ],
)
def test_processes_that_cannot_meet(arguments, message):
    with pytest.raises(InputError, match=message):
        initialise_processes(*arguments)


def test_a_compilation_cache_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="compilation_cache is '.*file/cache'.*or '' for none"):
        enable_compilation_cache(str(tmp_path / "file" / "cache"))
