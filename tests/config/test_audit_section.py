from __future__ import annotations

import pytest

from naslib_archlock.config.audit_section import PROTOCOLS, AuditSection
from naslib_archlock.config.load import load_config
from naslib_archlock.errors import ConfigError, UnknownNameError


def test_lists_are_read_in_ascending_order():
    section = AuditSection(fractions="100, 0.5,10", learning_rates="0.1,1e-3", widths="8,16")
    assert section.fraction_list == (0.5, 10.0, 100.0)
    assert section.learning_rate_list == (0.001, 0.1)
    assert section.width_list == (8, 16)
    assert AuditSection().width_list == ()
    assert load_config(None, ["audit.fractions", "10,1"]).audit.fraction_list == (1.0, 10.0)


def test_a_protocol_decides_what_is_left_empty():
    own, field = AuditSection(), AuditSection(protocol="ntlbench")
    assert own.attack_list == ("linear probe", "probe then all", "fine-tuning")
    assert (own.fraction_list, own.step_fraction_list) == ((1, 5, 20, 100), (10, 30, 100))
    assert len(field.attack_list) == 4 + 5 + 2
    assert (field.fraction_list, field.step_fraction_list) == ((10,), (100,))
    assert (own.rules.has_momentum, field.rules.has_momentum) == (False, True)
    assert sum(field.rules.split) == pytest.approx(1)
    assert AuditSection(protocol="ntlbench", fractions="5", attacks="LoRA").attack_list == ("LoRA",)
    with pytest.raises(UnknownNameError, match="audit.protocol.*did you mean 'ntlbench'"):
        AuditSection(protocol="ntlbech")


def test_every_attack_of_a_protocol_is_known():
    attacks = pytest.importorskip("naslib_archlock.audit.attacks")
    for protocol in PROTOCOLS:
        assert set(AuditSection(protocol=protocol).attack_list) <= set(attacks.ATTACKS)


@pytest.mark.parametrize("text", ["0,10", "101", "nan", "inf", "1,1", ",", "1,,2", "some", "-1"])
def test_fractions_are_different_percentages(text):
    message = r"^audit\.fractions=.* must be different numbers above 0 and up to 100, with commas$"
    with pytest.raises(ConfigError, match=message):
        AuditSection(fractions=text)


@pytest.mark.parametrize("text", ["0", "1.01", "0.1,0.1", "fast"])
def test_learning_rates_are_different_numbers(text):
    with pytest.raises(ConfigError, match=r"^audit\.learning_rates=.* above 0 and up to 1, with commas$"):
        AuditSection(learning_rates=text)


@pytest.mark.parametrize("text", ["16,x", "0", "8,5000", ","])
def test_widths_are_positive_and_limited(text):
    with pytest.raises(ConfigError, match=r"audit\.widths=.* must be 1 to 16 widths"):
        AuditSection(widths=text)


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [("seeds", 0, "1, 1000"), ("random_cells", -1, "0, 100"), ("epochs", -1, "0, 100000"),
     ("batch_size", 0, "1, 100000"), ("cells_per_stage", 101, "0, 100")],
)  # fmt: skip
def test_numbers_out_of_range_are_refused(name, value, allowed):
    with pytest.raises(ConfigError, match=rf"^audit\.{name}={value} must lie in \[{allowed}\]$"):
        AuditSection(**{name: value})
