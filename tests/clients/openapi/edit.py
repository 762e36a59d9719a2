"""Edits a photograph with a client that was generated from the document: upload, submit, result.

Prints one JSON document: the status, and the first bytes of the output.
"""

import json
import sys
import time
import urllib.request

sys.path.insert(0, sys.argv[1])

from fluxgate_api.api.predictions import result, submit
from fluxgate_api.api.uploads import upload
from fluxgate_api.client import AuthenticatedClient
from fluxgate_api.models.model_inputs import ModelInputs
from fluxgate_api.models.upload_form import UploadForm
from fluxgate_api.types import File

_, _, base_url, token, photo = sys.argv

client = AuthenticatedClient(base_url=base_url, token=token, raise_on_unexpected_status=True)

with open(photo, "rb") as file:
    form = UploadForm(file=File(payload=file, file_name="photo.jpg", mime_type="image/jpeg"))
    uploaded = upload.sync(client=client, body=form)

inputs = ModelInputs()
inputs["prompt"] = "make the sky pink"
inputs["image"] = uploaded.data.download_url
submitted = submit.sync("wavespeed-ai", "flux-kontext-max", client=client, body=inputs)

deadline = time.monotonic() + 60
while True:
    ended = result.sync(submitted.data.id, client=client).data
    if ended.status not in ("created", "processing"):
        break
    assert time.monotonic() < deadline, "the run does not end"
    time.sleep(0.2)

refused = result.sync("0" * 32, client=client)
output = urllib.request.urlopen(ended.outputs[0]).read()
print(json.dumps({
    "status": ended.status,
    "output": output[:2].hex(),
    "refused": str(refused.error_code),
}))
