"""The lab as its users hold it."""

import ast
import sys
import time
from pathlib import Path

import pytest

import mcp_vacuum.lab
from mcp_vacuum.lab import Lab, LabConfig

from .plain import Plain

SOURCES = sorted(Path(mcp_vacuum.lab.__file__).parent.glob("*.py"))


class TestLifecycle:
    def test_before_the_start_it_says_so(self) -> None:
        with pytest.raises(RuntimeError, match="with statement"):
            _ = Lab().mcp_url

    def test_starts_once(self, lab: Lab) -> None:
        with pytest.raises(RuntimeError, match="once"):
            lab.start()

    def test_what_happened_can_be_read_afterwards(self) -> None:
        with Lab() as lab:
            tokens = Plain(lab).login()

        assert lab.issued_access_tokens == (tokens["access_token"],)
        assert lab.recorder.to("/token")[0].status == 200

    def test_two_labs_know_nothing_of_each_other(self, lab: Lab, plain: Plain) -> None:
        with Lab() as other:
            assert Plain(other).call(plain.login()["access_token"]).status == 401


class TestIntervention:
    def test_expired_access_tokens_are_refused_and_can_be_refreshed(self, lab: Lab, plain: Plain) -> None:
        tokens = plain.login()
        lab.expire_access_tokens()
        fresh = plain.refresh(tokens["refresh_token"]).json

        assert plain.call(tokens["access_token"]).status == 401
        assert plain.call(fresh["access_token"]).status == 200

    def test_after_revoking_everything_a_refresh_is_invalid_grant(self, lab: Lab, plain: Plain) -> None:
        tokens, code = plain.login(), plain.code()
        lab.revoke_everything()

        assert plain.refresh(tokens["refresh_token"]).error == (400, "invalid_grant")
        assert plain.exchange(code).error == (400, "invalid_grant")
        assert plain.call(tokens["access_token"]).status == 401
        assert lab.reuse_detected == 0
        assert plain.call(plain.login()["access_token"]).status == 200

    def test_after_forgetting_clients_a_refresh_is_invalid_client(self, lab: Lab, plain: Plain) -> None:
        tokens = plain.login()
        lab.forget_clients()

        assert plain.refresh(tokens["refresh_token"]).error == (401, "invalid_client")
        assert plain.call(tokens["access_token"]).status == 200

    def test_short_lifetimes_are_kept(self) -> None:
        with Lab(LabConfig(access_token_lifetime=0.3)) as lab:
            plain = Plain(lab)
            token = plain.login()["access_token"]
            first = plain.call(token).status
            time.sleep(0.35)

            assert (first, plain.call(token).status) == (200, 401)

    @pytest.mark.parametrize(("config", "status"), [(LabConfig(), 400), (LabConfig(code_lifetime=700), 200)])
    def test_time_can_be_let_pass_for_codes(self, config: LabConfig, status: int) -> None:
        with Lab(config) as lab:
            plain = Plain(lab)
            code = plain.code()
            lab.advance(630)

            assert plain.exchange(code).status == status

    @pytest.mark.parametrize("jwt", [False, True])
    def test_time_can_be_let_pass_for_tokens(self, jwt: bool) -> None:
        with Lab(LabConfig(access_token_lifetime=900, jwt=jwt)) as lab:
            plain = Plain(lab)
            old = plain.login()
            lab.advance(901)
            new = plain.refresh(old["refresh_token"]).json

            assert plain.call(old["access_token"]).status == 401
            assert plain.call(new["access_token"]).status == 200
            assert new["expires_in"] == 900

    def test_every_secret_is_listed(self, lab: Lab, plain: Plain) -> None:
        tokens = plain.login()
        fresh = plain.refresh(tokens["refresh_token"]).json

        assert lab.issued_access_tokens == (tokens["access_token"], fresh["access_token"])
        assert lab.issued_refresh_tokens == (tokens["refresh_token"], fresh["refresh_token"])
        assert len(lab.issued_codes) == 1


class TestHouse:
    @pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
    def test_imports_the_standard_library_cryptography_and_itself_only(self, path: Path) -> None:
        allowed = {*sys.stdlib_module_names, "cryptography"}
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or "", *("." * node.level)] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                assert name.startswith("mcp_vacuum.lab.") or name.partition(".")[0] in allowed, name

    def test_exports_are_what_all_says(self) -> None:
        assert sorted(mcp_vacuum.lab._HOMES) == mcp_vacuum.lab.__all__ == dir(mcp_vacuum.lab)
        for name in mcp_vacuum.lab.__all__:
            assert getattr(mcp_vacuum.lab, name) is not None
        with pytest.raises(AttributeError):
            _ = mcp_vacuum.lab.nothing

    def test_configuration_refuses_methods_that_the_lab_lacks(self) -> None:
        with pytest.raises(ValueError, match="client_secret_jwt"):
            LabConfig(token_endpoint_auth_methods=("client_secret_jwt",))
