"""Judges a run of ours, or anybody's samples.

python eval.py --workdir runs/quickstart
python eval.py --samples DIR_OR_NPZ --reference mnist5k --out DIR
python eval.py --samples DIR_OR_NPZ --benchmark mnist --out DIR
python eval.py --texture --samples PHOTO_OR_SET --reference textures:brick --out DIR
python eval.py --recognise --workdir RUN --extractor PACK,PACK,PACK --out DIR
python eval.py --gan_train_test --workdir RUN --seeds 3 --out DIR
python eval.py --gate runs/cnn_mnist5k/pack --reference mnist5k
python eval.py --compare runs/* [--out DIR]
python eval.py --workdir runs/quickstart --export 10000 --out DIR_OR_FILE.npz
python eval.py --workdir runs/quickstart --walk walk.gif
python eval.py --workdir runs/texture_brick --draw 512x768 --out wall.png
python eval.py --workdir runs/super_resolution --enlarge DIR_OR_FILE --out DIR
python eval.py --workdir runs/quickstart --export_program digits.jax
"""

import logging
import sys

from absl import app, flags

from gan_jax.runtime.jobs import takers
from gan_jax.runtime.options import ALL_OPTIONS, OPTIONS, type_and_default

_DEFINE = {
    bool: flags.DEFINE_bool,
    float: flags.DEFINE_float,
    int: flags.DEFINE_integer,
    list: flags.DEFINE_list,
    str: flags.DEFINE_string,
    tuple: flags.DEFINE_enum,
}

for _heading, _flags in OPTIONS.items():
    for _name, (_option, _text) in _flags.items():
        _type, _default = type_and_default(_option)
        _choices = [_option] if _type is tuple else []
        _help = f"{_text} For {takers(_name)}."
        _DEFINE[_type](_name, _default, *_choices, _help, module_name=_heading)


def main(arguments: list[str]) -> None:
    """Does what the flags ask for; `arguments` are the command's words that are no flags."""
    logging.getLogger().setLevel(logging.WARNING)
    own = [flags.FLAGS[name] for name in ALL_OPTIONS]
    # Imported late, so that --help and a mistyped flag answer at once.
    from gan_jax.run.evaluate import do

    given = {flag.name: flag.value for flag in own if flag.present}
    do({flag.name: flag.value for flag in own}, given, arguments[1:])


if __name__ == "__main__":
    from gan_jax.runtime.cli import run_main
    from gan_jax.runtime.flags import parse_flags

    # absl shows this text for --help; a heading stands for a module.
    __doc__ += "".join(flags.FLAGS.module_help(heading) + "\n" for heading in OPTIONS)
    __doc__ = __doc__.replace("%", "%%")
    smaller = "--batch_size or the number of images"
    sys.exit(run_main(lambda: app.run(main, flags_parser=parse_flags), smaller=smaller))
