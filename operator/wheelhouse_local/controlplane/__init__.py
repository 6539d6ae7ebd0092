"""A real Kubernetes control plane: etcd, kube-apiserver and kube-controller-manager, found or built once with Go."""
