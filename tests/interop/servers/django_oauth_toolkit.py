"""django-oauth-toolkit as an authorization server, in a virtual environment of its own (install_django.py).

One confidential client for machines, `svc` with the secret `svc-secret`; it may introspect too. One public
client for people, `app`, with any port of http://127.0.0.1/callback; alice may log in with `wonderland`.
The database lives in memory and ends with the process.
"""

import argparse
import os

import django
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.conf import settings

from .lifeline import die_with_parent

CLIENT_ID, CLIENT_SECRET = "svc", "svc-secret"
APPS = ["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions", "oauth2_provider"]


def configure(base: str) -> None:
    """Make a Django of settings alone."""
    key = rsa.generate_private_key(65537, 2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    provider = {
        "SCOPES": {"openid": "who you are", "mcp:tools": "tools"},
        "DEFAULT_SCOPES": ["mcp:tools"],
        "OIDC_ENABLED": True,
        "OIDC_ISS_ENDPOINT": base,
        "OIDC_RSA_PRIVATE_KEY": pem,
        "PKCE_REQUIRED": True,
        "ACCESS_TOKEN_EXPIRE_SECONDS": 300,
        "ALLOWED_SCHEMES": ["https", "http"],
        "ALLOWED_REDIRECT_URI_SCHEMES": ["http", "https"],
        "OAUTH2_TOKEN_ENDPOINT_AUTH_METHODS_SUPPORTED": ["client_secret_basic", "client_secret_post"],
        "COMPLIANT_BCP_RFC9700_PKCE_METHOD": True,
    }
    settings.configure(
        SECRET_KEY="interop",
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF="servers.django_urls",
        USE_TZ=True,
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.sqlite3",
                "NAME": "file:interop?mode=memory&cache=shared",
            }
        },
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        INSTALLED_APPS=APPS,
        TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}],
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
        LOGIN_URL="/login/",
        OAUTH2_PROVIDER=provider,
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
        ],
    )
    django.setup()


def fill() -> None:
    """Make the tables, the clients and a person."""
    from django.contrib.auth.models import User
    from django.core.management import call_command
    from oauth2_provider.models import Application

    call_command("migrate", verbosity=0)
    Application.objects.create(
        client_id=CLIENT_ID,
        client_secret=CLIENT_SECRET,
        client_type=Application.CLIENT_CONFIDENTIAL,
        authorization_grant_type=Application.GRANT_CLIENT_CREDENTIALS,
        name="a machine",
    )
    Application.objects.create(
        client_id="app",
        client_type=Application.CLIENT_PUBLIC,
        authorization_grant_type=Application.GRANT_AUTHORIZATION_CODE,
        redirect_uris="http://127.0.0.1/callback",
        name="an app",
    )
    User.objects.create_user("alice", password="wonderland")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    port = parser.parse_args().port
    os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"
    die_with_parent()
    configure(f"http://127.0.0.1:{port}")
    fill()
    import waitress
    from django.core.wsgi import get_wsgi_application

    # One thread: the database in memory answers a second one by "table is locked", now and then.
    waitress.serve(get_wsgi_application(), listen=f"127.0.0.1:{port}", threads=1)


if __name__ == "__main__":
    main()
