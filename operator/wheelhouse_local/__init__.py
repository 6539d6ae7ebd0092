"""The local world: everything Wheelhouse needs on one machine, without Docker or a cloud account.

A real kube-apiserver, controller manager and etcd, an emulation of Google's services and of kubelet, and the operator:
`wheelhouse local up`. The product never imports this package.
"""
