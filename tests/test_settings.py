from pathlib import Path

import pytest

from cvsi_db.errors import UsageError
from cvsi_db.settings import load_settings


def write(path: Path, text: str) -> dict[str, str]:
    path.write_text(text)
    return {"CVSI_CONFIG": str(path)}


def test_defaults(tmp_path: Path) -> None:
    settings = load_settings({"CVSI_CONFIG": str(tmp_path / "none.toml")})
    assert (settings.model, settings.device, settings.rewriter) == (None, "auto", None)
    assert settings.db.name == "gallery"


def test_environment_comes_before_the_config_file(tmp_path: Path) -> None:
    environ = write(tmp_path / "c.toml", 'db = "~/pictures"\nmodel = "clip-b32"\ndevice = "cpu"\n')
    settings = load_settings(environ | {"CVSI_MODEL": "clip-l14", "CVSI_DEVICE": ""})
    assert settings.db == Path("~/pictures").expanduser()
    assert (settings.model, settings.device) == ("clip-l14", "cpu")


@pytest.mark.parametrize(
    ("text", "said"),
    [("colour = 'red'", "'colour'"), ("model = 3", "'model'"), ("model = ", "cannot read the config file")],
)
def test_a_bad_config_file_is_one_clear_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        load_settings(write(tmp_path / "c.toml", text))
    assert "c.toml" in str(caught.value)
    assert "\n" not in str(caught.value)
