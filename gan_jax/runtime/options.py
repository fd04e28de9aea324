"""The options of eval.py and `gan-jax`, by subject: each one's default and what it says.

A type in place of a default means none; a tuple holds the choices. `runtime/jobs.py` says which job
takes which. A text fits into one line of a terminal of 80 columns.
"""

from __future__ import annotations

from typing import Any

OPTIONS: dict[str, dict[str, tuple[Any, str]]] = {
    "What is looked at": {
        "workdir": ("", "A run of train.py."),
        "checkpoint": ("latest", "'latest', 'best' (by fd_semantic) or a step."),
        "member": (int, "Of a run of several GANs: which, from 0."),
        "num_samples": (0, "Images to generate; 0: as its config says."),
        "samples": ("", "Images: a folder, .npz, .npy or folder of idx files."),
        "reference": ("", "Real images: likewise, or a set such as mnist5k."),
        "reference_split": (
            ("train", "test", "all"),
            "Its part; if not given, test, or all if it has none.",
        ),
        "resize": ("", "To the extractor's size, such as crop_area."),
        "image_size": ("", "HEIGHTxWIDTH to bring images to by --resize."),
        "batch_size": (0, "Images per call at most."),
    },
    "Judging": {
        "extractor": ("", "The judge: a released pack, a pack's folder or other."),
        "metrics": (list, "Families with commas; if not given, all."),
        "texture": (False, "By statistics of crops; needs no extractor."),
        "benchmark": ("", "As a result of mnist, fashion_mnist, stacked_mnist."),
        "training": ("", "The generator's training images, to find copies."),
        "save_statistics": ("", "NAME.npz for mu and sigma of the reference."),
        "cache": ("~/.cache/gan_jax/statistics", "Folder for references' statistics."),
        "gate": ("", "A pack: does it notice known damage to --reference?"),
    },
    "Judging textures": {
        "crop": (0, "Side of the square crops in pixels."),
        "num_crops": (0, "At random places; 0: a grid without overlap."),
        "grey": (False, "Turn both sides to grey first."),
    },
    "Recognisers": {
        "recognise": (False, "Read the images with the packs of --extractor."),
        "keep": (int, "Keep as many images, the surest, and judge them."),
        "gan_train_test": (False, "Learn from generated images, test on real ones."),
        "seeds": (3, "How often, with other seeds."),
        "num_steps": (0, "Of each recogniser; 0: as its config says."),
    },
    "Drawing and exporting": {
        "seed": (int, "Of latents, crops and halves; the run's own, or 0."),
        "truncation": (float, "Latents beyond it are drawn again, such as 0.7."),
        "export": (0, "Write so many samples to --out: a folder, .npz (.gif)."),
        "select": ("", "A pack that reads each sample, to accept it or not."),
        "least_confidence": (0.0, "Of the most probable class, such as 0.9."),
        "as_asked": (False, "It must be the class that was asked for."),
        "walk": ("", "Walks through latent space as NAME.gif or NAME.mp4."),
        "frames": (0, "Of the loop, 0: 120; of each clip, 0: as trained."),
        "fps": (30.0, "Frames per second."),
        "walks": (16, "How many side by side."),
        "points": (4, "Latents that each passes through."),
        "draw": ("", "A texture of HEIGHTxWIDTH pixels into --out=NAME.png."),
        "texture_number": (int, "Which texture of several, from 0."),
        "seamless": (False, "Opposite edges meet."),
        "enlarge": ("", "An image or a folder of them, to enlarge into --out."),
        "export_program": ("", "A file with the generator for jax.export."),
    },
    "Results": {
        "compare": (False, "The runs whose folders follow."),
        "out": ("", "Where eval.json and report.html go."),
        "json": (False, "Print eval.json in place of a table."),
    },
}

ALL_OPTIONS = {name: described for part in OPTIONS.values() for name, described in part.items()}
"""The same without the subjects."""


def type_and_default(option: Any) -> tuple[type, Any]:
    """The type of an option's values, `tuple` if it has choices, and its default or None."""
    if isinstance(option, type):
        return option, None
    return type(option), None if isinstance(option, tuple) else option
