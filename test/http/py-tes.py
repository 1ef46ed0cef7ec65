"""What py-tes makes of a server: it refuses every field and state that it doesn't know. Prints `done` at the end."""

import sys

import tes

address = sys.argv[1]
client = tes.HTTPClient(address, timeout=10)

info = client.get_service_info()
assert info.type["artifact"] == "tes", info
assert info.storage == ["file:///data"], info

task = tes.Task(
    name="md5",
    description="checksum",
    inputs=[
        tes.Input(url="file:///data/in", path="/in/a", type="FILE"),
        tes.Input(content="x", path="/in/b", type="FILE"),
    ],
    outputs=[tes.Output(url="file:///data/out/", path="/out", type="DIRECTORY")],
    resources=tes.Resources(cpu_cores=1, ram_gb=0.5, disk_gb=1.0, preemptible=False),
    executors=[
        tes.Executor(image="alpine", command=["md5sum"], stdin="/in/a", stdout="/out/sum", env={"A": "b"}, ignore_error=True)
    ],
    volumes=["/v"],
    tags={"project": "demo", "empty": ""},
)
task_id = client.create_task(task)

for view in ("MINIMAL", "BASIC", "FULL"):
    got = client.get_task(task_id, view)
    assert (got.id, got.state) == (task_id, "QUEUED"), got
    page = client.list_tasks(view=view, page_size=1)
    assert [one.id for one in page.tasks] == [task_id], page

full = client.get_task(task_id, "FULL")
assert full.inputs[1].content == "x", full
assert full.executors == task.executors, full
assert full.resources.cpu_cores == 1 and isinstance(full.resources.cpu_cores, int), full
assert full.creation_time is not None, full

# A task that has run, as the test left it in the store.
ran = client.get_task(sys.argv[2], "FULL")
assert ran.state == "EXECUTOR_ERROR", ran
assert [log.exit_code for log in ran.logs[0].logs] == [0, 137], ran
assert int(ran.logs[0].outputs[0].size_bytes) == 5, ran
assert ran.logs[0].system_logs == ["a word"], ran
assert ran.logs[0].logs[0].start_time.tzinfo is not None, ran

client.cancel_task(task_id)
assert client.get_task(task_id).state == "CANCELED"
print("done")
