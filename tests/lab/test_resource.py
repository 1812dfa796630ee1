"""The protected MCP server: admission, challenges, metadata (RFC 6750, RFC 9728)."""

from mcp_vacuum.lab import Lab, LabConfig

from .plain import Plain, get, post_json, send

WELL_KNOWN = "/.well-known/oauth-protected-resource"
SCOPES = "mcp:tools mcp:resources mcp:prompts"


def origin(lab: Lab) -> str:
    return lab.mcp_url.removesuffix("/mcp")


class TestMetadata:
    def test_lies_under_the_path_of_the_server(self, lab: Lab) -> None:
        document = get(lab.resource_metadata_url).json

        assert lab.resource_metadata_url == f"{origin(lab)}{WELL_KNOWN}/mcp"
        assert document["resource"] == lab.mcp_url == lab.resource
        assert document["authorization_servers"] == [lab.issuer]
        assert document["scopes_supported"] == SCOPES.split()
        assert get(origin(lab) + WELL_KNOWN).status == 404

    def test_at_the_root_it_is_about_the_origin(self) -> None:
        with Lab(LabConfig(prm_location="root")) as lab:
            assert get(origin(lab) + WELL_KNOWN).json["resource"] == origin(lab) == lab.resource
            assert get(f"{origin(lab)}{WELL_KNOWN}/mcp").status == 404

    def test_at_the_root_tokens_for_origin_slash_and_url_are_all_good(self) -> None:
        with Lab(LabConfig(prm_location="root")) as lab:
            plain = Plain(lab)
            for resource in (origin(lab), f"{origin(lab)}/", lab.mcp_url):
                answer = plain.exchange(plain.code(resource=resource), resource=resource)

                assert plain.call(answer.json["access_token"]).status == 200

    def test_beside_it_a_slash_makes_another_resource(self, lab: Lab, plain: Plain) -> None:
        for resource in (f"{lab.mcp_url}/", origin(lab)):
            assert plain.authorize(resource=resource)["error"] == ["invalid_target"]

    def test_the_two_servers_are_two_origins_unless_one_is_wanted(self, lab: Lab) -> None:
        with Lab(LabConfig(same_origin=True)) as one:
            assert origin(lab) != lab.issuer
            assert origin(one) == one.issuer
            assert Plain(one).call(Plain(one).login()["access_token"]).status == 200
            assert {r.server for r in one.recorder.requests} == {"mcp"}


class TestChallenge:
    def test_without_a_token_it_names_metadata_and_scope_and_no_error(self, lab: Lab, plain: Plain) -> None:
        answer = plain.call(None)

        assert answer.status == 401
        assert answer.headers["www-authenticate"] == (
            f'Bearer scope="{SCOPES}", resource_metadata="{origin(lab)}{WELL_KNOWN}/mcp"'
        )

    def test_with_a_bad_token_it_says_so(self, plain: Plain) -> None:
        answer = plain.call("at-invented")

        assert answer.status == 401
        assert 'error="invalid_token"' in answer.headers["www-authenticate"]

    def test_hints_can_be_left_out(self) -> None:
        with Lab(LabConfig(challenge_hints=False)) as lab:
            assert Plain(lab).call(None).headers["www-authenticate"] == "Bearer"

    def test_a_get_is_401_without_a_token_and_405_with_one(self, lab: Lab, plain: Plain) -> None:
        token = plain.login()["access_token"]

        assert get(lab.mcp_url).status == 401
        assert get(lab.mcp_url, Authorization=f"Bearer {token}").status == 405


class TestAdmission:
    def test_a_token_in_the_query_is_no_token(self, lab: Lab, plain: Plain) -> None:
        token = plain.login()["access_token"]

        assert post_json(f"{lab.mcp_url}?access_token={token}", {}).status == 401

    def test_a_token_for_another_resource_is_refused(self) -> None:
        other = "https://other.example/mcp"
        with Lab(LabConfig(also_serves=(other,))) as lab:
            plain = Plain(lab)
            tokens = plain.exchange(plain.code(resource=other), resource=other).json

            assert plain.call(tokens["access_token"]).status == 401

    def test_a_refresh_cannot_move_a_grant_to_another_resource(self) -> None:
        other = "https://other.example/mcp"
        with Lab(LabConfig(also_serves=(other,))) as lab:
            plain = Plain(lab)
            token = plain.login()["refresh_token"]

            assert plain.refresh(token, resource=other).error == (400, "invalid_target")

    def test_an_open_server_asks_nobody(self) -> None:
        with Lab(LabConfig(require_login=False)) as lab:
            plain = Plain(lab)

            assert plain.call(None).status == 200
            assert plain.call(None, "tools/call", name="whoami").json["result"]["structuredContent"] == {
                "subject": "anyone",
                "client_id": None,
                "scopes": [],
            }
            assert get(f"{origin(lab)}{WELL_KNOWN}/mcp").status == 404

    def test_a_web_page_of_another_origin_is_refused(self, lab: Lab, plain: Plain) -> None:
        bearer = f"Bearer {plain.login()['access_token']}"
        ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
        statuses = [
            post_json(lab.mcp_url, ping, Authorization=bearer, Origin=page).status
            for page in ("https://evil.example", "http://127.0.0.1.evil.example:80", "http://localhost:6274")
        ]

        assert statuses == [403, 403, 200]

    def test_scopes_can_be_enforced_by_area(self) -> None:
        with Lab(LabConfig(enforce_scopes=True, challenge_scopes=("mcp:tools",))) as lab:
            plain = Plain(lab)
            token = plain.login(scope="mcp:tools")["access_token"]
            refused = plain.call(token, "prompts/list")

            assert 'scope="mcp:tools"' in plain.call(None).headers["www-authenticate"]
            assert plain.call(token, "tools/list").status == 200
            assert refused.status == 403
            assert 'error="insufficient_scope"' in refused.headers["www-authenticate"]
            assert 'scope="mcp:prompts"' in refused.headers["www-authenticate"]

    def test_other_paths_are_404(self, lab: Lab) -> None:
        assert send("POST", f"{origin(lab)}/token").status == 404


class TestRebinding:
    def test_a_page_of_elsewhere_is_refused_before_the_token_is_looked_at(self, lab: Lab) -> None:
        assert post_json(lab.mcp_url, {}, Origin="https://evil.example").status == 403
        assert post_json(lab.mcp_url, {}, Host="evil.example").status == 403

    def test_a_page_of_this_machine_is_not(self, lab: Lab) -> None:
        assert post_json(lab.mcp_url, {}, Origin="http://localhost:5173").status == 401
        assert post_json(lab.mcp_url, {}, Host="[::1]:80").status == 401
