"""Where other programs keep tokens on this machine, and what of them lies there readable.

The table below is what is known. Each format was read where the row says; where that ends with ``(?)`` the
place is known from other people's descriptions only. A program may change its format at any time, so a file
is searched member by member for what looks like a secret, and not by a fixed shape. Files are only read;
nobody's keyring is asked, and what a file refers to is not fetched.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Form = Literal["json", "toml", "verifier", "sealed", "keyring"]
"""``verifier``: the file is one PKCE verifier. ``sealed``: encrypted with a key that anybody can make.
``keyring``: an INI file of passwords in base64."""


@dataclass(frozen=True, slots=True)
class Known:
    """A file of another program.

    Attributes:
        tool: Whose.
        base: The variable that may name its directory, and the directory under the home otherwise.
        pattern: The file in there.
        read_in: Where its format was read.
        form: What it is.
        within: The members to look into, ``*`` for any name; all of them if empty.
        instead: What its owner can have it do, where the program has a better way.
    """

    tool: str
    base: tuple[str, str]
    pattern: str
    read_in: str
    form: Form = "json"
    within: tuple[str, ...] = ()
    instead: str = ""


_SERVERS = ("mcpServers", "projects/*/mcpServers")
_MCP_REMOTE = ("MCP_REMOTE_CONFIG_DIR", ".mcp-auth")
_CLAUDE = ("CLAUDE_CONFIG_DIR", ".claude")
_CODEX = ("CODEX_HOME", ".codex")
_GEMINI = ("GEMINI_CLI_HOME", "")
_CODE = "code.visualstudio.com/docs, MCP configuration reference"
_GEMINI_SOURCE = "google-gemini/gemini-cli packages/core/src"

_KEYCHAIN = "GEMINI_FORCE_ENCRYPTED_FILE_STORAGE=true has it use the keychain"

FORMATS: tuple[Known, ...] = (
    # One folder for each version of the package until late in 2026, then one for each layout.
    Known("mcp-remote", _MCP_REMOTE, "*/*_tokens.json", "geelen/mcp-remote src/lib/mcp-auth-config.ts"),
    Known("mcp-remote", _MCP_REMOTE, "*/*_client_info.json", "geelen/mcp-remote src/lib/mcp-auth-config.ts"),
    Known(
        "mcp-remote",
        _MCP_REMOTE,
        "*/*_code_verifier*.txt",
        "geelen/mcp-remote src/lib/mcp-auth-config.ts",
        "verifier",
    ),
    # {"claudeAiOauth": {"accessToken", "refreshToken", "expiresAt"}, "mcpOAuth": {"name|hash": {...}}}
    Known("Claude Code", _CLAUDE, ".credentials.json", "anthropics/claude-code issue 28262"),
    Known(
        "Claude Code",
        ("", ""),
        ".claude.json",
        "code.claude.com/docs, MCP (user and local scope) (?)",
        within=(*_SERVERS, "primaryApiKey"),
        instead="it takes ${NAME} instead",
    ),
    Known("Claude Code", _CLAUDE, "settings.json", "code.claude.com/docs, settings (?)", within=("env",)),
    Known(
        "Claude Desktop",
        ("", ".config/Claude"),
        "claude_desktop_config.json",
        "modelcontextprotocol.io, local servers (?)",
        within=_SERVERS,
    ),
    Known(
        "Claude Desktop",
        ("", "Library/Application Support/Claude"),
        "claude_desktop_config.json",
        "modelcontextprotocol.io, local servers (?)",
        within=_SERVERS,
    ),
    Known(
        "Claude Desktop",
        ("APPDATA", "AppData/Roaming"),
        "Claude/claude_desktop_config.json",
        "modelcontextprotocol.io, local servers (?)",
        within=_SERVERS,
    ),
    Known("VS Code", ("APPDATA", "AppData/Roaming"), "Code/User/mcp.json", _CODE),
    Known(
        "VS Code",
        ("", ".config/Code/User"),
        "mcp.json",
        _CODE,
        instead="it takes ${input:name}, and asks once",
    ),
    Known("VS Code", ("", ".config/Code/User"), "profiles/*/mcp.json", _CODE),
    Known(
        "VS Code",
        ("", ".config/Code/User"),
        "settings.json",
        _CODE,
        within=("mcp/servers", "mcp.servers"),
    ),
    Known("VS Code", ("", "Library/Application Support/Code/User"), "mcp.json", _CODE),
    Known(
        "VS Code",
        ("", "Library/Application Support/Code/User"),
        "settings.json",
        _CODE,
        within=("mcp/servers", "mcp.servers"),
    ),
    Known("GitHub Copilot", ("COPILOT_HOME", ".copilot"), "mcp-config.json", _CODE),
    Known(
        "Cursor",
        ("", ".cursor"),
        "mcp.json",
        "cursor.com/docs, MCP (static OAuth in `auth`) (?)",
        instead="it takes ${env:NAME} instead",
    ),
    Known("Windsurf", ("", ".codeium/windsurf"), "mcp_config.json", "docs.windsurf.com, MCP (?)"),
    Known(
        "Gemini CLI",
        _GEMINI,
        ".gemini/oauth_creds.json",
        f"{_GEMINI_SOURCE}/code_assist/oauth2.ts",
        instead=_KEYCHAIN,
    ),
    Known(
        "Gemini CLI",
        _GEMINI,
        ".gemini/mcp-oauth-tokens.json",
        f"{_GEMINI_SOURCE}/mcp/oauth-token-storage.ts",
        instead=_KEYCHAIN,
    ),
    Known(
        "Gemini CLI",
        _GEMINI,
        ".gemini/mcp-oauth-tokens-v2.json",
        f"{_GEMINI_SOURCE}/mcp/token-storage/file-token-storage.ts",
        "sealed",
    ),
    Known(
        "Gemini CLI",
        _GEMINI,
        ".gemini/settings.json",
        "google-gemini/gemini-cli docs, MCP servers (?)",
        within=_SERVERS,
    ),
    Known(
        "Codex",
        _CODEX,
        "auth.json",
        "openai/codex codex-rs/core/src/auth/storage.rs",
        instead='cli_auth_credentials_store = "keyring" in config.toml has it use the keyring',
    ),
    Known(
        "Codex",
        _CODEX,
        ".credentials.json",
        "openai/codex codex-rs/rmcp-client/src/oauth.rs",
        instead='mcp_oauth_credentials_store = "keyring" in config.toml has it use the keyring',
    ),
    Known(
        "Codex",
        _CODEX,
        "config.toml",
        "openai/codex codex-rs/config/src/mcp_types.rs (?)",
        "toml",
        ("mcp_servers",),
    ),
    Known(
        "opencode",
        ("", ".local/share/opencode"),
        "mcp-auth.json",
        "anomalyco/opencode packages/opencode/src/mcp/auth.ts",
    ),
    Known("opencode", ("", ".local/share/opencode"), "auth.json", "opencode.ai/docs, providers (?)"),
    # FileTokenStorage up to FastMCP 2.12; since then tokens are in memory unless the program brings a store.
    Known(
        "FastMCP",
        ("FASTMCP_HOME", ".fastmcp"),
        "oauth-mcp-client-cache/*.json",
        "jlowin/fastmcp client/auth/oauth.py, FileTokenStorage",
    ),
    Known(
        "FastMCP",
        ("FASTMCP_HOME", ".local/share/fastmcp"),
        "oauth-mcp-client-cache/*.json",
        "jlowin/fastmcp client/auth/oauth.py, FileTokenStorage",
    ),
    # What Python programs use for a keyring where somebody installed it.
    Known(
        "keyrings.alt",
        ("", ".local/share/python_keyring"),
        "keyring_pass.cfg",
        "jaraco/keyrings.alt keyrings/alt/file_base.py",
        "keyring",
    ),
    # The MCP SDKs have no place of their own: a program brings its store, and the default is memory.
)
