"""manifests.py FOLDER OUT: checks the examples for Kubernetes, as far as a parser and a list of names can, and writes the files that they
hold to OUT. No API server and no schema of Kubernetes is at hand: what is checked is said here."""
import pathlib
import sys

import yaml

CONTAINER = {"name", "image", "args", "ports", "securityContext", "resources", "volumeMounts", "startupProbe", "restartPolicy"}
POD = {"automountServiceAccountToken", "securityContext", "initContainers", "containers", "volumes"}
RESOURCES = {("v1", "ConfigMap"), ("v1", "Secret"), ("v1", "Service"), ("v1", "Pod"), ("apps/v1", "Deployment")}


def check(condition, what):
    if not condition:
        sys.exit(f"{what}")


def container_is_confined(container, pod, where):
    check(set(container) <= CONTAINER, f"{where}: unknown keys {set(container) - CONTAINER}")
    mine = container["securityContext"]
    check(not mine.get("privileged"), f"{where}: privileged")
    check(mine["allowPrivilegeEscalation"] is False and mine["readOnlyRootFilesystem"] is True, f"{where}: not confined")
    check(mine["capabilities"]["drop"] == ["ALL"], f"{where}: keeps capabilities")
    added = mine["capabilities"].get("add", [])
    check(added == (["NET_ADMIN", "NET_RAW"] if container["name"] == "tunnel" else []), f"{where}: adds {added}")
    root = mine.get("runAsUser", pod["securityContext"].get("runAsUser")) == 0
    check(root == (container["name"] == "tunnel"), f"{where}: user")
    check(("squat.ai/tun" in container.get("resources", {}).get("limits", {})) == bool(added), f"{where}: device")
    volumes = {volume["name"] for volume in pod.get("volumes", [])}
    for mount in container.get("volumeMounts", []):
        check(mount["name"] in volumes, f"{where}: no volume {mount['name']}")


def pod_is_confined(pod, where):
    check(set(pod) <= POD, f"{where}: unknown keys {set(pod) - POD}")
    check(pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, f"{where}: seccomp")
    check(pod["automountServiceAccountToken"] is False, f"{where}: has a token")
    for container in pod.get("initContainers", []) + pod["containers"]:
        container_is_confined(container, pod, f"{where}, {container['name']}")


def main(folder, out):
    found = 0
    for file in sorted(pathlib.Path(folder).glob("*.yaml")):
        for resource in yaml.safe_load_all(file.read_text()):
            where = f"{file.name}: {resource['kind']} {resource['metadata']['name']}"
            check((resource["apiVersion"], resource["kind"]) in RESOURCES, f"{where}: unknown kind")
            for name, text in (resource.get("data") or resource.get("stringData") or {}).items():
                (pathlib.Path(out) / name).write_text(text)
            if resource["kind"] == "Pod":
                pod_is_confined(resource["spec"], where)
            if resource["kind"] == "Deployment":
                template = resource["spec"]["template"]
                wanted = resource["spec"]["selector"]["matchLabels"].items()
                check(wanted <= template["metadata"]["labels"].items(), f"{where}: selects nothing")
                pod_is_confined(template["spec"], where)
            found += 1
    check(found == 5, f"{found} resources")


main(*sys.argv[1:])
