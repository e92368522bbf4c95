"""What the fuzzer must know of this server: how to sign in, which records there are, and where to write down what was answered."""

import json
import os
import uuid
import zlib
from datetime import datetime, timedelta, timezone
from urllib.parse import urlencode

import requests
import schemathesis

BASE = os.environ["CLINIC_FUZZ_URL"]
USER = os.environ["CLINIC_FUZZ_USER"]
PASSWORD = os.environ["CLINIC_FUZZ_PASSWORD"]
ANSWERS = os.environ["CLINIC_FUZZ_ANSWERS"]
PREFIX = "/api/v1"
# These end the sign-in that they are called with.
ENDING = (f"{PREFIX}/auth/logout", f"{PREFIX}/auth/clinic")


STEPS = ("confirm", "check-in", "start", "complete", "cancel", "reschedule", "no-show")
NOW = datetime.now(timezone.utc).replace(microsecond=0)
FREE = {
    "service": "consultation",
    "from": (NOW + timedelta(days=2)).isoformat(),
    "to": (NOW + timedelta(days=20)).isoformat(),
}


def sign_in():
    who = {"email": USER, "password": PASSWORD}
    answer = requests.post(f"{BASE}{PREFIX}/auth/login", json=who, timeout=30)
    answer.raise_for_status()
    return answer.json()


@schemathesis.auth(refresh_interval=120)
class SignIn:
    def get(self, case, context):
        return sign_in()["access_token"]

    def set(self, case, token, context):
        if case.operation.path in ENDING:
            token = sign_in()["access_token"]
        case.headers["Authorization"] = f"Bearer {token}"


class Records:
    """The ids of the lists that the user may see: an address made up would only ever be answered with 404."""

    def __init__(self):
        self.lists, self.free = {}, None

    def read(self, path):
        headers = {"Authorization": f"Bearer {sign_in()['access_token']}"}
        answer = requests.get(f"{BASE}{path}", headers=headers, timeout=30)
        return answer.json() if answer.ok else {}

    def of(self, path):
        if path not in self.lists:
            items = self.read(f"{path}?limit=20").get("items", [])
            self.lists[path] = [item["id"] for item in items if "id" in item]
        return self.lists[path]

    def slots(self):
        """Free times with one practitioner, to book."""
        if self.free is None:
            self.free = []
            for practitioner in self.read(f"{PREFIX}/practitioners").get("items", []):
                asked = urlencode({"practitioner_id": practitioner["id"], **FREE})
                found = self.read(f"{PREFIX}/availability?{asked}")
                place = practitioner["location_id"]
                self.free += [(practitioner["id"], place, slot["start"]) for slot in found.get("slots", [])]
        return self.free


RECORDS = Records()


def is_id(value):
    try:
        return isinstance(value, str) and bool(uuid.UUID(value))
    except ValueError:
        return False


def pick(known, case):
    seed = json.dumps([case.path_parameters, str(case.body)], default=str)
    return known[zlib.crc32(seed.encode()) % len(known)]


@schemathesis.hook
def before_call(context, case, kwargs):
    """Puts records that there are into requests that are valid; what is meant to be wrong stays wrong."""
    generation = case.meta and case.meta.generation
    if not generation or generation.mode.value != "positive":
        return
    path = case.operation.path
    parameters = case.path_parameters or {}
    if "{id}" in path and is_id(parameters.get("id")) and zlib.crc32(parameters["id"].encode()) % 8:
        known = RECORDS.of(path.split("/{id}")[0])
        if known:
            parameters["id"] = pick(known, case)
    if path == f"{PREFIX}/appointments/{{id}}/{{step}}":
        parameters["step"] = pick(STEPS, case)
    if path == f"{PREFIX}/availability":
        case.query.update(FREE, practitioner_id=pick(RECORDS.of(f"{PREFIX}/practitioners"), case))
    if isinstance(case.body, dict):
        fill(path, case)


def fill(path, case):
    body = case.body
    if path == f"{PREFIX}/auth/refresh":
        body["refresh_token"] = sign_in()["refresh_token"]
    if path == f"{PREFIX}/auth/login":
        body.update(email=USER, password=PASSWORD)
        body.pop("clinic_id", None)
    if path == f"{PREFIX}/auth/clinic":
        body["clinic_id"] = sign_in()["user"]["clinics"][0]
    if "patient_id" in body and RECORDS.of(f"{PREFIX}/patients"):
        body["patient_id"] = pick(RECORDS.of(f"{PREFIX}/patients"), case)
    if path == f"{PREFIX}/appointments" and RECORDS.slots():
        practitioner, place, start = pick(RECORDS.slots(), case)
        body.update(practitioner_id=practitioner, location_id=place, start=start, service="consultation")
        body.pop("duration_minutes", None)


@schemathesis.hook
def after_call(context, case, response):
    line = {"operation": case.operation.label, "status": response.status_code}
    with open(ANSWERS, "a", encoding="utf-8") as answers:
        answers.write(json.dumps(line) + "\n")
