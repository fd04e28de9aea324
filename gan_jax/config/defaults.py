"""Configs: every field with its default; `gan_jax.config.fields` says what each may be."""

from __future__ import annotations

from typing import Any

from ml_collections import ConfigDict
from ml_collections.config_dict import placeholder

# Each holds a CNN config or an empty one: it makes a pack that is not there yet.
TRAININGS: tuple[str, ...] = ("judge.train", "judge.train_beside", "feature_matching.train")
TRAININGS += ("super_resolution.perceptual.train",)


def _section(**fields: Any) -> ConfigDict:
    return ConfigDict(fields)


def _common() -> ConfigDict:
    config = ConfigDict()
    config.seed = 0
    config.batch_size = 64
    # How long: num_steps if above 0, else num_epochs passes over the training images.
    config.num_steps = 0
    config.num_epochs = 10.0
    config.dataset = _section(
        # mnist5k, idx, folder, npz, tfds, hf, webdataset, textures, procedural, stacked_mnist,
        # moving_digits or videos
        name="mnist5k",
        path="",  # of idx, folder, npz, hf, webdataset, videos; data folder of tfds
        tfds_name="",
        image_size=(),  # (height, width); () keeps the stored size, 64 x 64 for textures
        resize="crop_area",
        channels=0,  # 1 grey, 3 RGB, 0 as stored
        test_fraction=0.1,  # held out where a set has no test split
        memory_limit_mb=0.0,  # larger sets are streamed; 0: a quarter of memory, at most 2048
        white=0.0,  # stored value of white, such as 4095 or 1; 0: what the pixels' type says
        # Crops of photographs: textures always, folder and tfds if crops is not ''.
        photographs="",  # textures: such as brick,grass; '' for all
        crops="",  # random; grid; '' for whole images (of textures: random)
        num_crops=6000,  # random ones for training, over all classes; also procedural images
        num_test_crops=600,
        crop_stride=32,  # of a grid, in pixels
        crop_flips=False,  # mirror crops at random
        crop_rotations=False,  # turn crops by multiples of 90 degrees at random
        held_out=0.25,  # share of each photograph for testing: textures, folder
        seed=0,  # of crops, procedural textures, stacks and moving digits
        # Textures drawn from parameters, see `gan_jax.data.procedural`.
        kinds="",  # such as stripes,voronoi; '' for all
        period=8.0,  # in pixels
        angle=0.0,  # in degrees
        contrast=0.25,  # standard deviation of the pixels over their mean
        jitter=0.0,  # random change of period and angle from image to image, 0 to 1
        # Stacked MNIST, see `gan_jax.data.stacked`.
        stack="mnist5k",  # the digits: mnist5k, idx (in path) or tfds:mnist
        num_stacks=128_000,  # for training
        num_test_stacks=52_000,  # twice what is judged gives the modes' floor at the same n
        # Clips, see `gan_jax.data.moving` and `gan_jax.data.videos`.
        num_frames=16,
        num_clips=20_000,  # moving digits for training
        num_test_clips=2_000,
        digits_per_clip=1,  # or 2
        clip_labels="content",  # motion: the digit and its direction
    )
    config.parallel = "pmap"  # or jit
    config.num_devices = 0  # 0: all
    config.steps_per_call = 20  # steps between two looks of the host
    config.log_every = 100
    config.log_to = ""  # besides the run's folder: wandb, mlflow, or both with a comma
    config.compilation_cache = "~/.cache/gan_jax/compiled"  # '' for none
    config.checkpoint = _section(every=1000, keep=2)
    return config


def _optimizer(learning_rate: float, b1: float, b2: float) -> ConfigDict:
    return _section(
        learning_rate=learning_rate,
        b1=b1,
        b2=b2,
        schedule="constant",  # constant, linear or cosine: down to 0 at the last step
        warmup_steps=0,
    )


def _gan_optimizer() -> ConfigDict:
    optimizer = _optimizer(2e-4, 0.5, 0.999)
    optimizer.learning_rate_end = placeholder(float)  # see config.burn_in
    optimizer.b2_end = placeholder(float)
    return optimizer


def gan_config() -> ConfigDict:
    """A GAN's config with every field at its default."""
    config = _common()
    config.kind = "gan"
    config.model = _section(
        name="dcgan",  # dcgan, resnet, r3gan, article or texture
        # Of a texture it follows from the crop: 0, or that number; of clips it is the content's.
        latent_dim=64,
        width=64,  # all but article; see the models for what it is the width of
        kernel_size=4,  # dcgan
        generator_norm="batch",  # dcgan, resnet, texture: batch or none
        discriminator_norm="batch",  # dcgan, resnet, texture: batch, none or spectral
        discriminator_width=0,  # all but article: 0 for width
        # dcgan, resnet, r3gan, texture: '' for a GAN without classes; both networks know the
        # label with projection; with auxiliary (not texture) the discriminator guesses it.
        conditional="",
        auxiliary_weight=1.0,  # of that guess's cross entropy in both losses
        halvings=0,  # r3gan: last stages, each with half the channels of the one before
        blocks=2,  # r3gan: at each resolution
        expansion=2,  # r3gan: channels inside a block over those outside
        group_size=16,  # r3gan: channels of a group of the 3x3 convolutions
        levels=4,  # texture: doublings from the noise to the image
        local_dim=16,  # texture: noise of a cell of 2^levels x 2^levels pixels
        fine_dim=2,  # texture: noise of each cell of finer levels, for grain
        num_textures=1,  # texture: how many the generator can choose from
        num_waves=4,  # texture: plane waves of each texture
        coarse_layers=1,  # texture: convolutions of the noise before the first doubling
        refined=False,  # texture: a last convolution at full size, against grain
        discriminator_scales=1,  # texture: sizes of the image, each half of the one before
        pooled_logits=True,  # texture: one logit per image, not one per position
        initialization="normal",  # normal: N(0, 0.02); or xavier
        dropout_rate=0.3,  # article
        motion_dim=16,  # of clips: noise of each frame, and the code that a recurrent unit makes
        frames_judged=4,  # of clips: frames that the discriminator looks at one by one
        dtype="float32",  # or bfloat16, for GPU and TPU
    )
    # minimax, non_saturating, least_squares, hinge, wasserstein or relativistic
    config.loss = "non_saturating"
    # alternating: the discriminator, then the generator on new latents; or simultaneous: both at
    # once on the same generated images, which saves a third of the arithmetic.
    config.updates = "alternating"
    config.accumulation = 1  # parts of a batch whose gradients are averaged, to save memory
    # Penalties on the discriminator; those of gradients need discriminator_norm 'none'
    # or 'spectral'.
    config.r1_weight = 0.0  # gamma: on real images
    config.r2_weight = 0.0  # gamma: on generated images
    config.gradient_penalty_weight = 0.0  # between real and generated, as in WGAN-GP
    config.dragan_weight = 0.0  # around real images
    config.lecam_weight = 0.0  # on logits, for little data
    config.penalty_interval = 1  # steps from one update with gradient penalties to the next
    config.generator_optimizer = _gan_optimizer()
    config.discriminator_optimizer = _gan_optimizer()
    # Updates of the discriminator, each on batch_size images of its own, before each update of the
    # generator; with updates 'alternating'. An epoch is that much sooner over.
    config.discriminator_steps = 1
    config.augment = _augment()  # seen by the discriminator on real and generated images
    config.augment.probability_end = placeholder(float)
    # The probability of each change follows the discriminator's overfitting instead; see
    # `gan_jax.steps.adaptive`. It starts at 0.
    config.augment.adaptive = _section(
        use=False,
        target=0.6,  # mean sign of the logits of real images
        interval=4,  # updates of the discriminator from one adjustment to the next
        images=500_000,  # over which the probability can rise from 0 to 1
        limit=0.8,
    )
    config.ema_half_life = 10_000.0  # in images; 0 for no average
    # The burn-in: a field with a brother whose name ends in _end goes from its own value to that
    # one over the burn-in, and stays there: r1_weight, r2_weight, ema_half_life,
    # augment.probability, and learning_rate and b2 of the optimisers. None: it does not change.
    # (A half-life that does not change is held below 5 % of the images seen.)
    config.burn_in = _section(
        images=0,  # its length, in steps times batch_size; 0 for none
        shape="cosine",  # or linear
    )
    config.r1_weight_end = placeholder(float)
    config.r2_weight_end = placeholder(float)
    config.ema_half_life_end = placeholder(float)
    # The CNN that judges: a pack's folder or a released pack's name ('' for none), several with
    # commas, the headline's first; the CNN config that makes the one that is not there yet; and
    # the one for the second of them that is not a released pack, where it is another network.
    config.judge = _section(pack="", train=ConfigDict(), train_beside=ConfigDict())
    config.evaluation = _section(
        every=1000,  # steps; 0: at the end only
        num_samples=2000,
        num_final_samples=0,  # at the end; 0: num_samples
        batch_size=500,
        grid=64,  # images in a grid
        textures=False,  # judge as textures too, at the end; see `gan_jax.judging.textures`
    )
    config.collapse = _collapse()
    config.feature_matching = _frozen("penultimate", 1.0)
    config.super_resolution = _super_resolution()
    # A loss on the Gram matrices of random filters, see `gan_jax.steps.texture_matching`.
    config.texture_matching = _section(
        weight=0.0,
        scales=4,  # each at half the size of the one before
        filters=64,
        size=7,  # of a filter, in pixels
    )
    # How many GANs are trained at once, of the seeds config.seed, config.seed + 1, ...
    config.num_seeds = 1
    # Hyper-parameters that differ between the GANs of a run: the values of each, () for none. Each
    # combination of values is trained with num_seeds seeds, all in one program.
    empty = dict(learning_rate=(), b1=(), b2=())
    config.sweep = _section(
        gamma=(),  # of both r1_weight and r2_weight, or of the one that is above 0
        learning_rate=(),  # the generator's; the discriminator's stays in proportion
        r1_weight=(),
        r2_weight=(),
        gradient_penalty_weight=(),
        dragan_weight=(),
        lecam_weight=(),
        ema_half_life=(),  # like the others keeps its ratio to what it ends at, if it changes
        ema_half_life_end=(),
        generator_optimizer=ConfigDict(empty),
        discriminator_optimizer=ConfigDict(empty),
    )
    return config


def _frozen(layer: str, weight: float) -> ConfigDict:
    """A loss on what a frozen recogniser, never the judge, sees: `steps.generator_losses`."""
    return _section(
        pack="",  # '' for no such loss
        train=ConfigDict(),  # the CNN config that makes the pack where it is not there yet
        layer=layer,  # block1, block2, ..., penultimate or logits
        weight=weight,
    )


def _super_resolution() -> ConfigDict:
    """A generator that enlarges images in place of one that draws them.

    `model` is then the discriminator's.
    """
    section = _section(
        factor=0,  # 2 or 4; 0: the generator draws from latents
        width=32,  # channels of the generator
        blocks=4,  # its residual blocks
        upsampling="subpixel",  # or resize
        # Of config.num_steps, how many with the pixel loss alone, to begin with. The same
        # network goes on with it to the end beside the GAN, to be compared with.
        warm_up_steps=0,
        pixel_loss="l1",  # or l2
        pixel_weight=1.0,
        adversarial_weight=0.01,
        optimizer=_optimizer(1e-3, 0.9, 0.999),  # of the pixel loss alone
    )
    section.perceptual = _frozen("block2", 0.1)
    return section


def _collapse() -> ConfigDict:
    """The mode-collapse meter, see `gan_jax.judging.collapse_meter.CollapseRule`; it needs a judge.

    The limits lie between what 11 runs of configs/mnist5k_dcgan.py showed at n = 500, in up to
    2,000 steps, as shares of real images' coverage, Vendi score and a single class's KL. Eight
    learned: their first good reading came at step 100 to 400, one had a single bad one after it,
    and they ended at 0.11 to 0.53, 0.79 to 1.16 and at most 0.23. Two never learned (a
    discriminator far too weak; both learning rates far too high) and ended at 0, at most 0.01, and
    1. In one the generator's learning rate rose until it failed: from 0.09, 0.92 and 0.16 to 0,
    0.01 and 1 in two readings; the rule called it at the second.
    """
    return _section(
        # none; warn; stop: end the run, saved; rollback: go back to the best checkpoint and on
        # from there with other random numbers, then stop if it collapses again.
        action="warn",
        rollbacks=1,  # how often
        coverage=0.05,  # least coverage, as a share of what real images reach
        vendi=0.25,  # least Vendi score, likewise; both less 1
        class_kl=0.7,  # greatest KL of the class mix, as a share of that of a single class
        drop=1 / 3,  # least share of the best coverage and Vendi score so far
        patience=2,  # evaluations in a row
        grace=0.5,  # share of the run in which it may not have drawn anything good yet
    )


def cnn_config() -> ConfigDict:
    """A recogniser's config with every field at its default."""
    config = _common()
    config.kind = "cnn"
    config.name = "cnn"  # of the pack
    config.model = _section(widths=(32, 64), dense=128, dropout_rate=0.3, dtype="float32")
    config.layers = _section(semantic="penultimate", texture="block2")
    config.optimizer = _optimizer(2e-3, 0.9, 0.999)
    config.label_smoothing = 0.0
    config.augment = _augment()
    config.ema_half_life = 2_000.0
    config.evaluation = _section(every=0, batch_size=500)
    return config


def _augment() -> ConfigDict:
    """Random changes of each image, see `gan_jax.steps.augment`; all zero: none."""
    return _section(
        translation=0.0,  # largest shift by whole pixels, a fraction of the side; fast
        shift=0.0,  # this and the next: `Affine`, resampled
        rotation=0.0,
        scale=0.0,
        shear=0.0,
        flip=False,
        # DiffAugment is 0.5, 1, 0.5, translation 0.125 and 0.5, with fill 0.
        brightness=0.0,  # largest number added to an image
        saturation=0.0,  # largest relative change of the distance of channels from their mean
        contrast=0.0,  # largest relative change of the distance of pixels from their mean
        cutout=0.0,  # side of a covered box, a fraction of the image's
        fill=-1.0,  # the value outside the image and in the box; -1 is black, 0 grey
        probability=1.0,  # with which each of these is applied to each image
    )


# What the parts of a study do not have: it belongs to the whole, or there is none.
_OF_A_STUDY: tuple[str, ...] = ("kind", "seed", "num_epochs", "dataset", "parallel", "num_devices")
_OF_A_STUDY += ("steps_per_call", "log_every", "log_to", "compilation_cache")
_OF_A_STUDY += ("checkpoint", "evaluation")
_NOT_IN_A_STUDY = ("judge", "collapse", "num_seeds", "sweep", "name", "layers")


def study_config() -> ConfigDict:
    """An augmentation study's config with every field at its default; see `gan_jax.studies`."""
    config = _common()
    for name in ("batch_size", "num_steps", "num_epochs", "log_to"):
        del config[name]
    config.kind = "study"
    config.num_seeds = 3  # seeds config.seed, config.seed + 1, ...: subset, GAN and recogniser
    config.sizes = (100, 300, 1000, 3000)  # real images to learn from
    config.balanced = True  # as many of each class; False: in the training set's own mix
    config.ratios = (0.5, 1.0, 4.0)  # generated images over real ones
    config.mixed_ratio = 1.0  # that of the arms which filter, or augment classically too
    config.pool_ratio = 4.0  # generated images that the filters choose from, over real ones
    config.filters = _section(
        recognisers=3,  # that must agree on the class asked for
        confidence=0.9,  # least mean probability they give that class
        acceptance=0.3,  # share that discriminator rejection sampling is to accept
    )
    # The same compute spent longer on real data.
    config.control = _section(
        extra_steps=0,  # of the recogniser; 0: as many as the GAN took, by measured time
        most=4.0,  # times recogniser.num_steps, in all
    )
    config.recogniser = _part_of_a_study(cnn_config())  # its augment is the classical one
    config.recogniser.num_steps = 300
    config.gan = _part_of_a_study(gan_config())
    config.gan.num_steps = 1500
    config.gan.model.conditional = "projection"
    config.evaluation = _section(batch_size=500)
    return config


def _part_of_a_study(config: ConfigDict) -> ConfigDict:
    for name in (*_OF_A_STUDY, *_NOT_IN_A_STUDY):
        if name in config:
            del config[name]
    return config


KINDS = {"gan": gan_config, "cnn": cnn_config, "study": study_config}
