"""Log-in, log-out and who am I."""
import json

from django.contrib.auth import authenticate, login, logout
from django.http import JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST


def person(user):
    """How an answer names the caller; null for anonymous."""
    if not user.is_authenticated:
        return None
    return {"id": user.pk, "username": user.username, "display_name": user.get_display_name()}


@require_GET
def whoami(request):
    """The caller."""
    return JsonResponse({"user": person(request.user)}, headers={"Cache-Control": "no-store"})


@csrf_exempt
@require_POST
def log_in(request):
    """Checks a user name and a password, and starts a session."""
    try:
        given = json.loads(request.body)
        user = authenticate(request, username=str(given["username"]), password=str(given["password"]))
    except (ValueError, KeyError, TypeError):
        return JsonResponse({"detail": "username and password are needed"}, status=400)
    if user is None:
        return JsonResponse({"detail": "wrong user name or password"}, status=401)
    login(request, user)
    return JsonResponse({"user": person(user)}, headers={"Cache-Control": "no-store"})


@csrf_exempt
@require_POST
def log_out(request):
    """Ends the session."""
    logout(request)
    return JsonResponse({"user": None}, headers={"Cache-Control": "no-store"})
