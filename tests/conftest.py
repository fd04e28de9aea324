"""Eight fake devices for the whole suite, the CPU everywhere, and each program compiled once."""

import atexit
import os
import shutil
import tempfile

# Shared by the workers and the processes that tests start; new for each session, so that nothing is
# left over. The first process to come here makes it, and the others inherit it.
if "GAN_JAX_TESTS_COMPILED" not in os.environ:
    _compiled = tempfile.mkdtemp(prefix="gan_jax_tests_")
    atexit.register(shutil.rmtree, _compiled, ignore_errors=True)
    os.environ["GAN_JAX_TESTS_COMPILED"] = _compiled
os.environ["JAX_COMPILATION_CACHE_DIR"] = os.environ["GAN_JAX_TESTS_COMPILED"]
os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0.3"
os.environ["JAX_PLATFORMS"] = "cpu"
if "xla_force_host_platform_device_count=8" not in os.environ.get("XLA_FLAGS", ""):
    os.environ["XLA_FLAGS"] = (
        os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=8"
    )

import pytest  # noqa: E402 (after the environment is set)

# Whole runs of the rarer kinds, half a minute and more: pytest -m slow.
_SLOW_FIXTURES = {"enlarging", "studies", "pair"}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Marks the tests of such a run before slow ones are left out."""
    for item in items:
        if _SLOW_FIXTURES & set(item.fixturenames):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory):
    """A finished tiny run, its judge trained with it: (run's folder, pack's folder).

    Compiled as in any other process, whichever test asks for it first.
    """
    import jax

    from gan_jax import run as training
    from tests.runs import tiny_config

    root = tmp_path_factory.mktemp("tiny")
    pack = root / "cnn" / "pack"
    quickly = jax.config.read("jax_disable_most_optimizations")
    jax.config.update("jax_disable_most_optimizations", False)
    training.run(tiny_config(pack), root / "gan")
    jax.config.update("jax_disable_most_optimizations", quickly)
    return root / "gan", pack


@pytest.fixture(scope="module")
def eval_script():
    from tests import command

    with command.eval_script() as script:
        yield script


@pytest.fixture(scope="module")
def quickly_compiled():
    """Little optimisation."""
    import jax

    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)


@pytest.fixture(scope="module")
def precise_and_quickly_compiled(quickly_compiled):
    """float64 and little optimisation, for tests that compare to the last digits."""
    import jax

    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", False)
