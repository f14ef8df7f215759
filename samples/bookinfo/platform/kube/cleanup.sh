#!/bin/sh
# Removes Bookinfo, and the routing rules that were made for it, from a namespace.
# Usage: cleanup.sh [NAMESPACE]; NAMESPACE may also come from the environment. Asks when neither says.
set -u
here=$(cd "$(dirname "$0")" && pwd)
namespace=${1:-${NAMESPACE:-}}
if [ -z "$namespace" ] && [ -t 0 ]; then
  printf 'namespace? [default] '
  read -r namespace
fi
namespace=${namespace:-default}

for kind in virtualservices destinationrules gateways; do
  for name in $(kubectl get "$kind.networking.istio.io" -n "$namespace" -o name 2>/dev/null); do
    case ${name#*/} in
      bookinfo|bookinfo-gateway|productpage|reviews|ratings|details) kubectl delete -n "$namespace" "$name" ;;
    esac
  done
done
kubectl delete -n "$namespace" -f "$here/bookinfo.yaml" --ignore-not-found
echo "Bookinfo is gone from namespace $namespace"
