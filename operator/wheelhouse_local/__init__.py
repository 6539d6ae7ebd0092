"""The local world: everything Wheelhouse needs on one machine, without Docker or a cloud account.

A real kube-apiserver, controller manager and etcd, Google's services emulated, kubelet's part played, and the operator:
`wheelhouse local up`. The product never imports this package.
"""
