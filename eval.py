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

# By job: each flag's default, or its type if there is none, and its help.
HEADINGS = {
    "What is looked at": {
        "workdir": ("", "A run of train.py, to judge it again."),
        "checkpoint": ("latest", "With --workdir: 'latest', 'best' (by fd_semantic) or a step."),
        "member": (int, "With --workdir of a run of several seeds or a sweep: which GAN, from 0."),
        "num_samples": (0, "With --workdir: images to generate; 0 for as many as its config says."),
        "samples": ("", "Images to judge: a folder of images, .npz, .npy, a folder of idx files."),
        "reference": (
            "",
            "Real images: like --samples, or a set's name such as mnist5k or tfds:mnist.",
        ),
        "reference_split": (
            ("train", "test", "all"),
            "Which part of --reference. Not given: its test part, or all of a set that has no "
            "parts of its own. Given: of such a set, the part that train.py would make (10 % held "
            "out).",
        ),
        "resize": (
            "",
            "How to bring images to the extractor's size, such as crop_area; '': refuse.",
        ),
        "image_size": (
            "",
            "HEIGHTxWIDTH to bring images to, by --resize, where their own or the extractor's is "
            "not it.",
        ),
        "batch_size": (0, "Images per call at most; fewer where memory is short."),
    },
    "Judging": {
        "extractor": (
            "",
            "The judge: a pack's folder, a released pack such as mnist-v1, inception:WEIGHTS, "
            "inception-pytorch-fid:WEIGHTS, random[:SEED], pixels or pca[:K]. Several with commas: "
            "the first gives the headline. Not given: the released pack of --reference.",
        ),
        "metrics": (
            list,
            "Families of metrics with commas: frechet, fd_all, fd_infinity, kernel, classifier, "
            "modes, neighbours, vendi, sliced, copying. Default: all that can be computed.",
        ),
        "benchmark": (
            "",
            "With --samples: judge them as a result of this benchmark (mnist, fashion_mnist or "
            "stacked_mnist) and say where it would stand in docs/leaderboard.md.",
        ),
        "training": (
            "",
            "With --samples: what the generator was trained on, to find copies: its training part, "
            "or all of a set that has no parts.",
        ),
        "save_statistics": ("", "With --samples: an npz file for mu and sigma of the reference."),
        "cache": ("~/.cache/gan_jax/statistics", "Folder for references' statistics; '' for none."),
        "gate": (
            "",
            "A pack to test: does it notice known damage to --reference? Stored in the pack.",
        ),
    },
    "Judging textures": {
        "texture": (
            False,
            "Judge textures by statistics of their crops. With --samples and --reference: each a "
            "photograph's file, or a set; no --extractor is needed. With --workdir: beside the "
            "rest.",
        ),
        "crop": (
            0,
            "With --texture: side in pixels of the square crops that all images are cut into; 0 "
            "compares sets as they are, and cuts photographs to the size of the other side, or to "
            "64.",
        ),
        "num_crops": (
            0,
            "With --texture: crops of each side at random places; 0: a grid, none overlapping.",
        ),
        "grey": (False, "With --texture: turn both sides to grey first."),
    },
    "Recognisers": {
        "recognise": (
            False,
            "With --workdir or --samples: read the images with the recognisers of --extractor (3 "
            "of different seeds): labels, confidence, agreement, calibration on --reference.",
        ),
        "keep": (
            int,
            "With --recognise: keep this many images that the first recogniser is surest of, and "
            "have the others judge them.",
        ),
        "gan_train_test": (
            False,
            "With --workdir or --samples: train recognisers on generated images and test them on "
            "real ones, and the other way round. Their config is that of --extractor, or of the "
            "run's judge.",
        ),
        "seeds": (3, "With --gan_train_test: how often, with other seeds."),
        "num_steps": (
            0,
            "With --gan_train_test: of each recogniser; 0 for as many as its config says.",
        ),
    },
    "Drawing and exporting": {
        "seed": (
            int,
            "With --export, --walk and --draw: of the latents; if not given, the run's own. With "
            "--texture: of random crops and halves; if not given, 0.",
        ),
        "truncation": (
            float,
            "With --export and --walk: numbers of the latents beyond this one either way are drawn "
            "again until they are within, such as 0.7.",
        ),
        "export": (
            0,
            "With --workdir: write this many samples to --out, a new folder for PNGs or NAME.npz, "
            "with a JSON record of what made them.",
        ),
        "select": (
            "",
            "With --export: a pack whose CNN reads each sample; those it does not accept by "
            "--least_confidence or --as_asked are drawn again. It cannot judge the samples "
            "afterwards.",
        ),
        "least_confidence": (0.0, "With --select: of the most probable class, such as 0.9."),
        "as_asked": (
            False,
            "With --select: that class must be the one the generator was asked for.",
        ),
        "walk": ("", "With --workdir: write walks through latent space as NAME.gif or NAME.mp4."),
        "frames": (120, "With --walk: frames of the loop."),
        "fps": (30.0, "With --walk: frames per second."),
        "walks": (16, "With --walk: how many side by side."),
        "points": (4, "With --walk: latents that each passes through."),
        "draw": (
            "",
            "With --workdir of a texture GAN: draw a picture of HEIGHTxWIDTH pixels, such as "
            "512x768, into --out=NAME.png.",
        ),
        "texture_number": (
            int,
            "With --draw: which texture of several, from 0; else the seed chooses.",
        ),
        "seamless": (
            False,
            "With --draw: opposite edges meet, so that the picture can be laid beside itself.",
        ),
        "enlarge": (
            "",
            "With --workdir of a run of super-resolution: an image, or a folder of images of any "
            "size, to enlarge into the folder --out.",
        ),
        "export_program": (
            "",
            "With --workdir: write the generator, weights included, as one file for "
            "jax.export.deserialize, which needs nothing of this package.",
        ),
    },
    "Results": {
        "compare": (False, "Compare the runs whose folders follow: eval.py --compare runs/*."),
        "out": ("", "Where eval.json and report.html go."),
        "json": (False, "Print eval.json instead of a table."),
    },
}
_DEFINE = {
    bool: flags.DEFINE_bool,
    float: flags.DEFINE_float,
    int: flags.DEFINE_integer,
    list: flags.DEFINE_list,
    str: flags.DEFINE_string,
}


def _define(heading: str, name: str, default: object, text: str) -> None:
    if isinstance(default, tuple):
        flags.DEFINE_enum(name, None, default, text, module_name=heading)
    elif isinstance(default, type):
        _DEFINE[default](name, None, text, module_name=heading)
    else:
        _DEFINE[type(default)](name, default, text, module_name=heading)


for _heading, _flags in HEADINGS.items():
    for _name, _described in _flags.items():
        _define(_heading, _name, *_described)


def main(arguments: list[str]) -> None:
    """Does what the flags ask for; `arguments` are the command's words that are no flags."""
    logging.getLogger().setLevel(logging.WARNING)
    # Imported late, so that --help and a mistyped flag answer at once.
    from gan_jax.runtime.jobs import choose, with_paths

    own = [flags.FLAGS[name] for heading in HEADINGS.values() for name in heading]
    given = {flag.name: flag.value for flag in own if flag.present}
    options = with_paths({flag.name: flag.value for flag in own}, given)
    options.folders = arguments[1:]
    job = choose(given, options.folders)
    from gan_jax.run.evaluate import ACTIONS

    ACTIONS[job.action or job.source](options)


if __name__ == "__main__":
    from gan_jax.runtime.cli import run_main

    # absl shows this text for --help; a heading stands for a module.
    __doc__ += "".join(flags.FLAGS.module_help(heading) + "\n" for heading in HEADINGS)
    __doc__ = __doc__.replace("%", "%%")
    sys.exit(run_main(app, main, smaller="--batch_size or the number of images"))
