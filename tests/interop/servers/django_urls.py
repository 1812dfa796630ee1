"""The addresses of django_oauth_toolkit.py."""

from urllib.parse import quote

from django.contrib.auth import authenticate, login
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import include, path
from django.utils.html import escape

PAGE = """<!doctype html><form method="post" action="/login/?next={next}">
<input name="username"><input type="password" name="password"><button>Log in</button></form>"""


def log_in(request: HttpRequest) -> HttpResponse:
    """The login page, as plain as it can be."""
    onward = request.GET.get("next", "/")
    if request.method == "POST":
        user = authenticate(
            request, username=request.POST.get("username"), password=request.POST.get("password")
        )
        if user is not None:
            login(request, user)
            return HttpResponseRedirect(onward)
    headers = {"X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer"}
    return HttpResponse(PAGE.format(next=escape(quote(onward, safe="/"))), headers=headers)


urlpatterns = [
    path("login/", log_in),
    path("", include("oauth2_provider.urls", namespace="oauth2_provider")),
]
