"""The authorization server's metadata (RFC 8414)."""

import pytest

from mcp_vacuum.lab import Lab, LabConfig

from .plain import CALLBACK, Plain, get, post_form

OAUTH = "/.well-known/oauth-authorization-server"
OPENID = "/.well-known/openid-configuration"


def origin(lab: Lab) -> str:
    return lab.issuer.removesuffix(lab.config.issuer_path)


class TestMetadata:
    def test_names_its_issuer_pkce_and_every_endpoint(self, lab: Lab) -> None:
        document = get(lab.issuer + OAUTH).json

        assert document["issuer"] == lab.issuer
        assert document["code_challenge_methods_supported"] == ["S256"]
        assert document["authorization_response_iss_parameter_supported"] is True
        assert {name for name in document if name.endswith("_endpoint")} == {
            "authorization_endpoint",
            "token_endpoint",
            "revocation_endpoint",
            "registration_endpoint",
        }

    @pytest.mark.parametrize(
        ("form", "path", "found_at"),
        [
            ("oauth", "", OAUTH),
            ("oauth", "/tenant", f"{OAUTH}/tenant"),
            ("openid", "", OPENID),
            ("openid", "/tenant", f"/tenant{OPENID}"),
        ],
    )
    def test_lies_at_one_well_known_url_only(self, form: str, path: str, found_at: str) -> None:
        everywhere = {OAUTH, f"{OAUTH}/tenant", OPENID, f"{OPENID}/tenant", f"/tenant{OPENID}"}
        with Lab(LabConfig(issuer_path=path, metadata_form=form)) as lab:  # type: ignore[arg-type]
            found = {place for place in everywhere if get(origin(lab) + place).status == 200}

            assert found == {found_at}
            assert get(origin(lab) + found_at).json["issuer"] == origin(lab) + path

    def test_does_not_promise_what_is_switched_off(self) -> None:
        with Lab(LabConfig(dcr=False, iss_parameter=False, offline_access=False)) as lab:
            document = get(lab.issuer + OAUTH).json

            assert "registration_endpoint" not in document
            assert "authorization_response_iss_parameter_supported" not in document
            assert "client_id_metadata_document_supported" not in document
            assert "offline_access" not in document["scopes_supported"]
            assert get(f"{lab.issuer}/register").status == 404

    def test_the_openid_form_has_a_key_set(self) -> None:
        with Lab(LabConfig(metadata_form="openid")) as lab:
            assert get(get(lab.issuer + OPENID).json["jwks_uri"]).json == {"keys": []}

    def test_an_endpoint_answers_405_to_the_wrong_method(self, lab: Lab) -> None:
        answer = get(f"{lab.issuer}/token")

        assert (answer.status, answer.headers["allow"]) == (405, "POST")


class TestIssuerPath:
    def test_a_whole_login_works_below_it(self) -> None:
        with Lab(LabConfig(issuer_path="/tenant")) as lab:
            plain = Plain(lab)
            tokens = plain.login()

            assert plain.call(tokens["access_token"]).status == 200
            assert {r.path for r in lab.recorder.requests if r.server == "authorization"} == {
                "/tenant/register",
                "/tenant/authorize",
                "/tenant/consent",
                "/tenant/token",
            }

    @pytest.mark.parametrize("path", ["tenant", "/tenant/", "/"])
    def test_a_malformed_one_is_refused(self, path: str) -> None:
        with pytest.raises(ValueError, match="issuer_path"):
            LabConfig(issuer_path=path)


class TestClientMetadataDocuments:
    def test_a_hosted_document_is_a_client(self) -> None:
        with Lab(LabConfig(cimd=True)) as lab:
            url = lab.serve_client_metadata({"redirect_uris": [CALLBACK], "client_name": "by document"})
            plain = Plain(lab, client_id=url)

            assert get(lab.issuer + OAUTH).json["client_id_metadata_document_supported"] is True
            assert (
                plain.call(plain.login()["access_token"], "tools/call", name="whoami").json["result"][
                    "structuredContent"
                ]["client_id"]
                == url
            )

    def test_one_that_names_another_client_id_is_refused(self) -> None:
        with Lab(LabConfig(cimd=True)) as lab:
            url = lab.serve_client_metadata(
                {"client_id": "https://other.example/c", "redirect_uris": [CALLBACK]}
            )

            assert get(Plain(lab, client_id=url).authorization_url()).status == 400

    def test_without_the_option_a_document_means_nothing(self, lab: Lab) -> None:
        url = lab.serve_client_metadata({"redirect_uris": [CALLBACK]})

        assert get(Plain(lab, client_id=url).authorization_url()).status == 400
        assert not lab.recorder.to(".json")

    def test_the_default_document_serves_any_port_where_the_lab_allows_it(self) -> None:
        with Lab(LabConfig(cimd=True, any_loopback_port=True)) as lab:
            assert Plain(lab, client_id=lab.serve_client_metadata()).login()["access_token"]

    def test_nothing_beyond_loopback_is_fetched(self) -> None:
        with Lab(LabConfig(cimd=True)) as lab:
            for url in ("https://client.example/c.json", "http://192.0.2.1/c.json", "http://127.0.0.1:9"):
                assert get(Plain(lab, client_id=url).authorization_url()).status == 400

    def test_a_registered_public_client_may_revoke(self, lab: Lab, plain: Plain) -> None:
        tokens = plain.login()
        form = {"token": tokens["refresh_token"], "client_id": plain.client_id}

        assert post_form(f"{lab.issuer}/revoke", form).status == 200
        assert plain.refresh(tokens["refresh_token"]).error == (400, "invalid_grant")
        assert plain.call(tokens["access_token"]).status == 401
