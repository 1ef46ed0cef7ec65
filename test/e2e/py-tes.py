"""Drives a TES server with py-tes, which fails on whatever is not strictly TES. Arguments: its address, a folder."""

import json
import sys

import tes

url, folder = sys.argv[1:]
client = tes.HTTPClient(url, timeout=30)
image = "busybox:latest"
resources = tes.Resources(cpu_cores=1, ram_gb=0.25, disk_gb=0.125)

info = client.get_service_info()

made = client.create_task(
    tes.Task(
        name="md5",
        description="checksum",
        inputs=[tes.Input(path="/in/text", content="hello\n", type="FILE")],
        outputs=[tes.Output(path="/out/sum", url=f"file://{folder}/sum", type="FILE")],
        resources=resources,
        executors=[
            tes.Executor(image=image, command=["md5sum"], stdin="/in/text", stdout="/out/sum"),
            tes.Executor(image=image, command=["sh", "-c", "echo told; echo more >&2; exit 7"], ignore_error=True),
        ],
        volumes=["/shared"],
        tags={"by": "py-tes", "empty": ""},
    )
)
ended = client.wait(made, timeout=60)
views = {view: client.get_task(made, view) for view in ("MINIMAL", "BASIC", "FULL")}

left = client.create_task(
    tes.Task(resources=resources, executors=[tes.Executor(image=image, command=["sleep", "600"])])
)
client.cancel_task(left)
canceled = client.wait(left, timeout=60)
while canceled.state == "CANCELING":
    canceled = client.wait(left, timeout=60)

first = client.list_tasks(view="FULL", page_size=1)
second = client.list_tasks(view="BASIC", page_size=1, page_token=first.next_page_token)

log = views["FULL"].logs[0]
print(
    json.dumps(
        {
            "service": info.type["artifact"],
            "storage": info.storage,
            "ended": ended.state,
            "minimal": views["MINIMAL"].as_dict(),
            "contents": [views[view].inputs[0].content for view in ("BASIC", "FULL")],
            "exitCodes": [executor.exit_code for executor in log.logs],
            "streams": [log.logs[1].stdout, log.logs[1].stderr],
            "outputs": [output.size_bytes for output in log.outputs],
            "tags": views["BASIC"].tags,
            "canceled": canceled.state,
            "listed": [task.id for page in (first, second) for task in page.tasks] == [left, made],
        }
    )
)
