from __future__ import annotations

import json
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_vacuum.errors import RecordDamaged, StorageError
from mcp_vacuum.models import Attempt, ClientCredentials, Credential
from mcp_vacuum.storage import envelope
from mcp_vacuum.storage.base import RecordKey, SealedRecord
from mcp_vacuum.storage.cipher import Cipher, new_key
from mcp_vacuum.storage.envelope import (
    PREFIX,
    client_from_dict,
    client_to_dict,
    credential_from_dict,
    credential_to_dict,
    open_sealed,
    seal,
)

from .conftest import login, registration

KEY = RecordKey("login", "https://mcp.example", "default")
CIPHER = Cipher(new_key())
KEY_OF_BEFORE = b"b2xkLXJlY29yZC1vZi1hLXRlc3QtLS0tLS0tLS0tLS0="
SEALED_BEFORE_ROUTES = (
    b"mcpv1:gAAAAABrBRWtB_A8QcaFwfD3n-"
    b"8ssGHMt5pwr1yVfya18C0Xg5_L7Oz_qwPFT8BVmDASHSttOEONJUkA9fr1pc5KD1HxaTT1tfEyBbouRhd93sBOTCLM5twicsSKDf"
    b"MeZami-jmXqAMLQFZJCqcwzVR-KspGmqG8db-Dh2BlR7kiF-TQVA1-"
    b"JtcS_ZPXbCoydpAzT5YOGRPGt2u6hbINkhAra2fCzzt3jtwx1zzlFVs3xDC6znQCh4M_rcHGF_MHKkjkhmCr1DmLqrdUux_K07vy"
    b"qapvM__O60O9EJzaNyitp87gtKSkyHXnJsNG8Ku85CgLa2DxBnZin9dqdgj5Tjz5PuXbZ1gwL91LbiV2dbzc_hzZJlUnm7GkzfPu"
    b"J1owUwvf2KLS1GKvSoWr-zVKbYmQaBDlmSTss2BGFEFJ-eY0hWFMUN0Fxm5xOaCHPmVgK_qp-uFjNPpgbnMg94hzN8O0JEPXjTgz"
    b"_C40vktwVN-"
    b"r1cdwjoMNwlyTsIDPpCxjtmTpDa0eANhQfCigLDhiwXceccqxFxpreRR5qeEim7e1vw33nMV789aFCb3e5g1YDqbg5mC50zGiBpv"
    b"RZqsUC0aiadx2hfloMXepFdoz7IuCpmbzsU4jCt12063sZriHgroKovQsbZDNuObcenrorkjhZYvAOQP3En0ZTH9YauRgL12SZxp"
    b"bZOmxmef3rkZarFYLT_xDaU-"
    b"LNJDKvSY4FbJCCh0Ccb7cQevgtDTIFlX1vGKPsACBTVlm32a5Wiyc5XMe_JeYIIHpDz1m9jByYFeyKdF3R1M2Y_Xu-CLDz8z3euW"
    b"WV9Lu3dwzjZYHpEhfjn2AsKFDes_Bhjt8s_w4iwBWyqf3G20ELJhgxgcJlXwXSD3iyN6PiT5Tra0oud76-"
    b"cwnGqkU3IRPnh8Y5ef3LsZPEcb619qgT09OUPNntq_obX_7XhmvoFMBdddX0hEACty69v4JOvX3DjRjgThtdgzg2yV3df28hEdbt"
    b"zNiFnu0jozCnELv8xklUn7l5PyfggdT3d4K9BHoLXmdjSSIUAJ1kpFCZj8jSuuwbR56P3nbmOxGd3sdODz3LdlCSlCnH3l0HtBA0"
    b"eewkcoW4FVNeQGQ8yhFcRa-RYuP5oi2UjskWNEJRsYhOJKwaTkwEbM29fHc7oLpz8qs57XPWwatqA-"
    b"Tl628u3IRwn9rEaANfuIYm2sdyXkZH-uICQ2GmNE5yUfT-hflvp2WdLjM8BhR08dznJnaeA840DnNkSrKpDwnEExFXMzz325RID8"
    b"8jrHsSiZbU2-"
    b"ZiL9i9V4PZ1X8nlWv5K4SN9PUUwneXhRbYGY5m45RUXHxLXObyyDgqHcCnCLjEG5HnDnPoVmpniWPtP0UpgNiWJvesc78wmc4qB3"
    b"NHvru2f4Z77qVpxyGNR6SE9cvLD_eyWR7DqlLfCrDoSw1-Y6v3yz6mg=="
)
"""A login as it was sealed by the version that did not keep a proxy and certificates yet."""
BODY = {"refresh_token": "secret", "n": [1, None, 2.5, "ü\ud800"]}


def resealed(change: dict[str, Any], cipher: Cipher = CIPHER) -> SealedRecord:
    """Seal something that `seal` would not make."""
    plain: dict[str, Any] = {
        "v": 1,
        "kind": KEY.kind,
        "name": KEY.name,
        "account": KEY.account,
        "generation": 1,
        "body": {},
    }
    return SealedRecord(PREFIX + cipher.encrypt(json.dumps({**plain, **change}).encode()))


class TestSeal:
    def test_what_was_sealed_opens(self) -> None:
        assert open_sealed(seal(BODY, KEY, 3, CIPHER), KEY, 3, CIPHER) == BODY

    def test_the_same_record_never_looks_the_same(self) -> None:
        assert seal(BODY, KEY, 3, CIPHER) != seal(BODY, KEY, 3, CIPHER)

    @pytest.mark.parametrize(
        ("key", "generation"),
        [
            (replace(KEY, kind="client"), 3),
            (replace(KEY, name="https://mcp.example/"), 3),
            (replace(KEY, account="work"), 3),
            (KEY, 2),
            (KEY, 4),
        ],
    )
    def test_a_blob_in_another_row_does_not_open(self, key: RecordKey, generation: int) -> None:
        with pytest.raises(RecordDamaged, match="belongs to another record"):
            open_sealed(seal(BODY, KEY, 3, CIPHER), key, generation, CIPHER)

    def test_another_vaults_key_does_not_open_it(self) -> None:
        with pytest.raises(RecordDamaged):
            open_sealed(seal(BODY, KEY, 3, CIPHER), KEY, 3, Cipher(new_key()))

    def test_an_older_key_opens_what_it_sealed(self) -> None:
        old, new = new_key(), new_key()

        assert open_sealed(seal(BODY, KEY, 1, Cipher(old)), KEY, 1, Cipher(new, old)) == BODY

    @given(position=st.integers(0, 10_000), bit=st.integers(0, 7))
    def test_one_changed_bit_is_noticed(self, position: int, bit: int) -> None:
        blob = bytearray(seal(BODY, KEY, 1, CIPHER))
        blob[position % len(blob)] ^= 1 << bit
        try:
            opened = open_sealed(SealedRecord(bytes(blob)), KEY, 1, CIPHER)
        except StorageError:
            return
        # base64 has spare bits before its padding: what differs only there means the same.
        assert opened == BODY

    @given(st.binary(max_size=200))
    def test_noise_is_damage(self, noise: bytes) -> None:
        for blob in (noise, PREFIX + noise):
            with pytest.raises(StorageError):
                open_sealed(SealedRecord(blob), KEY, 1, CIPHER)

    def test_damage_is_named_with_its_server_and_a_way_out(self) -> None:
        with pytest.raises(RecordDamaged, match=r"https://mcp.example \(account work\).*kept") as caught:
            open_sealed(SealedRecord(b"x"), replace(KEY, account="work"), 1, CIPHER)

        assert "mcp-vacuum logout https://mcp.example" in (caught.value.hint or "")
        assert caught.value.exit_status == 6

    @pytest.mark.parametrize("blob", [resealed({"v": 99}), resealed({"v": None}), SealedRecord(b"mcpv2:abc")])
    def test_a_newer_version_is_not_called_damage(self, blob: SealedRecord) -> None:
        with pytest.raises(StorageError, match="newer") as caught:
            open_sealed(blob, KEY, 1, CIPHER)

        assert not isinstance(caught.value, RecordDamaged)

    def test_an_older_version_is_brought_forward_step_by_step(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(envelope, "VERSION", 3)
        monkeypatch.setitem(envelope.MIGRATIONS, 1, lambda body: {**body, "two": body["one"] + 1})
        monkeypatch.setitem(envelope.MIGRATIONS, 2, lambda body: {**body, "three": body["two"] + 1})

        assert open_sealed(resealed({"body": {"one": 1}}), KEY, 1, CIPHER) == {"one": 1, "two": 2, "three": 3}

    @pytest.mark.parametrize("change", [{"body": []}, {"body": None}, {"generation": "1"}])
    def test_an_authentic_blob_of_the_wrong_shape_is_damage(self, change: dict[str, Any]) -> None:
        with pytest.raises(RecordDamaged):
            open_sealed(resealed(change), KEY, 1, CIPHER)

    @pytest.mark.parametrize("plain", [b"[]", b"not json", b"\xff"])
    def test_authentic_nonsense_is_damage(self, plain: bytes) -> None:
        with pytest.raises(RecordDamaged):
            open_sealed(SealedRecord(PREFIX + CIPHER.encrypt(plain)), KEY, 1, CIPHER)


class TestRecords:
    @pytest.mark.parametrize(
        ("filled", "bare"),
        [
            (login(alias="work"), Credential(server="s")),
            (registration(), ClientCredentials(client_id="c")),
        ],
    )
    def test_the_sample_has_another_value_than_the_default_in_every_field(
        self, filled: object, bare: object
    ) -> None:
        # So that a field which is added to the models and forgotten here fails the round trip below.
        for field in fields(filled):  # type: ignore[arg-type]
            if field.name != "account":
                assert getattr(filled, field.name) != getattr(bare, field.name), field.name

    @pytest.mark.parametrize("record", [login(alias="a", account="work"), Credential(server="s")])
    def test_every_field_of_a_login_comes_back(self, record: Credential) -> None:
        opened = credential_from_dict(json.loads(json.dumps(credential_to_dict(record))))
        for field in fields(Credential):
            before, after = getattr(record, field.name), getattr(opened, field.name)
            assert (after, type(after)) == (before, type(before)), field.name

        assert opened == record

    @pytest.mark.parametrize("record", [registration(), ClientCredentials(client_id="c")])
    def test_every_field_of_a_client_comes_back(self, record: ClientCredentials) -> None:
        opened = client_from_dict(json.loads(json.dumps(client_to_dict(record))))
        for field in fields(ClientCredentials):
            before, after = getattr(record, field.name), getattr(opened, field.name)
            assert (after, type(after)) == (before, type(before)), field.name

    def test_every_field_of_the_journal_comes_back(self) -> None:
        journal = login().journal
        opened = credential_from_dict(json.loads(json.dumps(credential_to_dict(login())))).journal

        assert isinstance(opened, Attempt)
        assert opened == journal

    def test_what_says_nothing_is_not_written_down(self) -> None:
        assert credential_to_dict(Credential(server="https://a.example/mcp")) == {
            "server": "https://a.example/mcp",
            "account": "default",
            "token_type": "Bearer",
            "grant": "authorization_code",
        }

    def test_empty_is_not_the_same_as_absent(self) -> None:
        client = ClientCredentials(client_id="", scope="", issuer="")
        empty = Credential(
            server="https://a.example/mcp", scope="", lifetime=0, expires_at=0.0, client=client
        )
        assert credential_from_dict(json.loads(json.dumps(credential_to_dict(empty)))) == empty

    def test_members_of_a_newer_version_are_passed_over(self) -> None:
        body = credential_to_dict(login())
        body["invented_later"] = {"x": 1}
        body["client"]["invented_later"] = 1
        body["journal"]["invented_later"] = 1

        assert credential_from_dict(body) == login()

    def test_members_of_an_older_version_may_be_missing(self) -> None:
        assert credential_from_dict({"server": "s"}) == Credential(server="s")

    def test_a_blob_from_before_the_route_was_kept_opens(self) -> None:
        body = open_sealed(SealedRecord(SEALED_BEFORE_ROUTES), KEY, 1, Cipher(KEY_OF_BEFORE))
        opened = credential_from_dict(body)

        assert "proxy" not in body
        assert "ca_file" not in body
        assert opened.refresh_token == "refresh-token-of-before"
        assert (opened.proxy, opened.ca_file) == (None, None)

    @pytest.mark.parametrize(
        "body",
        [{}, {"server": "s", "client": {}}, {"server": "s", "client": 1}, {"server": "s", "quirks": 5}],
    )
    def test_what_is_no_login_is_an_error(self, body: dict[str, Any]) -> None:
        with pytest.raises(ValueError, match="not a"):
            credential_from_dict(body)
