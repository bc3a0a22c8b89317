from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("skia")

from cvsi_db.scenes.renderer import render
from cvsi_db.scenes.scene import ATTRIBUTES, DEPENDENTS, Scene

BASE = Scene("cat", "orange", seed=11)


def pixels(scene: Scene, size: int = 96) -> NDArray[np.float32]:
    return np.asarray(render(scene, size), dtype=np.float32)


def difference(first: Scene, second: Scene) -> float:
    return float(np.abs(pixels(first) - pixels(second)).mean())


def altered(scene: Scene, attribute: str, value: str) -> Scene:
    return Scene(**{**scene.attributes(), attribute: value}, seed=scene.seed)


@pytest.mark.parametrize("style", ATTRIBUTES["style"])
def test_the_same_scene_gives_the_same_bytes(style: str) -> None:
    scene = replace(BASE, style=style, holds="balloon", weather="rain")
    assert render(scene, 96).tobytes() == render(scene, 96).tobytes()


def test_the_same_scene_gives_the_same_bytes_in_another_process() -> None:
    program = (
        "import sys, hashlib; from cvsi_db.scenes.renderer import render; from cvsi_db.scenes.scene import Scene; "
        "print(hashlib.sha256(render(Scene('cat', 'orange', seed=11), 64).tobytes()).hexdigest())"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", program], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1


def test_another_seed_gives_another_picture_of_the_same_scene() -> None:
    assert difference(BASE, replace(BASE, seed=12)) > 5


@pytest.mark.parametrize("size", [64, 96, 128, 200])
@pytest.mark.parametrize("style", ATTRIBUTES["style"])
def test_size_and_mode_are_as_asked(size: int, style: str) -> None:
    picture = render(replace(BASE, style=style), size)
    assert (picture.size, picture.mode) == ((size, size), "RGB")


@pytest.mark.parametrize("attribute", ATTRIBUTES)
def test_every_two_values_of_an_attribute_look_different(attribute: str) -> None:
    present = {"companion": "duck", "other": "dog"}
    thing = DEPENDENTS.get(attribute)
    scene = replace(BASE, **{thing: present[thing]}) if thing else BASE
    values = [value for value in ATTRIBUTES[attribute] if (attribute, value) != ("other", scene.subject)]
    drawn = [pixels(altered(scene, attribute, value)) for value in values]
    closest = min(
        float(np.abs(first - second).mean()) for step, first in enumerate(drawn) for second in drawn[step + 1 :]
    )
    assert closest > 0.5


@pytest.mark.parametrize("subject", ATTRIBUTES["subject"])
def test_each_thing_shows_on_each_subject_even_from_afar(subject: str) -> None:
    plain = Scene(subject, "blue", viewpoint="from afar", seed=3)
    for attribute in ("headwear", "wears", "holds", "companion"):
        for value in ATTRIBUTES[attribute][1:]:
            assert difference(plain, altered(plain, attribute, value)) > 0.15, value


def test_a_changed_attribute_leaves_the_backdrop_alone() -> None:
    changed = np.abs(pixels(BASE) - pixels(replace(BASE, headwear="crown"))).max(axis=2) > 0
    assert 0 < changed.mean() < 0.1


def test_the_picture_looks_the_same_at_any_size() -> None:
    small = pixels(BASE, 64)
    large = pixels(BASE, 256).reshape(64, 4, 64, 4, 3).mean(axis=(1, 3))
    assert float(np.abs(small - large).mean()) < 4


def test_without_skia_one_line_names_the_remedy() -> None:
    program = (
        "import sys; sys.modules['skia'] = None\n"
        "from cvsi_db.errors import CvsiError\n"
        "try:\n    import cvsi_db.scenes.renderer\n"
        "except CvsiError as error:\n    print(error)\n"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert "pip install 'cvsi-db[scenes]'" in said
    assert "libegl1 libgl1" in said
    assert said.count("\n") == 1
