"""The provider's own Python SDK, unchanged: sdk.py TOKEN BASE_URL PHOTO BIG_FILE WEBHOOK."""

import json
import sys

import requests
from wavespeed import Client

MODEL = "wavespeed-ai/flux-kontext-max"
token, base_url, photo, big_file, webhook = sys.argv[1:]
client = Client(api_key=token, base_url=base_url)


def fetched(url):
    answer = requests.get(url, timeout=60)
    answer.raise_for_status()
    return answer.content


image = client.upload(photo)
inputs = {"prompt": "pencil sketch", "image": image, "seed": 5}
run = client.run(MODEL, inputs, poll_interval=0.2, timeout=60)
told = client.run(f"{MODEL}?webhook={webhook}", inputs, poll_interval=0.2, timeout=60)
held = client.run(MODEL, inputs, enable_sync_mode=True, timeout=120)
with open(big_file, "rb") as file:
    is_whole = fetched(client.upload(big_file)) == file.read()
outputs = [fetched(one["outputs"][0])[:2].hex() for one in (run, told, held)]
print(json.dumps({"outputs": outputs, "is_whole": is_whole}))
