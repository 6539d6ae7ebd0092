"""The table of methods over gRPC with TLS."""

from collections.abc import Callable, Mapping
from pathlib import Path

import grpc

from wheelhouse_local.google.transport.calls import Calls, LostReplyError
from wheelhouse_local.google.transport.errors import ApiError
from wheelhouse_local.google.transport.method import Message, Method
from wheelhouse_local.google.transport.tls import server_credentials

# Fail if another process listens on the port, instead of sharing it.
_OPTIONS = [("grpc.so_reuseport", 0)]


async def serve(calls: Calls, methods: Mapping[str, Method], data: Path, port: int = 0) -> tuple[grpc.aio.Server, int]:
    """Start the server on 127.0.0.1.

    Args:
        calls: answers the calls.
        methods: the methods by `Service.Method`.
        data: the folder of its certificate, which is created if it is missing.
        port: 0 for any free port.

    Returns:
        The running server, which the caller must stop, and its port.
    """
    server = grpc.aio.server(options=_OPTIONS)
    server.add_generic_rpc_handlers((_Handlers(calls, methods),))
    bound = server.add_secure_port(f"127.0.0.1:{port}", server_credentials(data))
    await server.start()
    return server, bound


class _Handlers(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpc carries no types
    """Finds the handler of a call; a method outside the table gets an error, and is also in the trace."""

    def __init__(self, calls: Calls, methods: Mapping[str, Method]) -> None:
        self._calls = calls
        self._methods = methods
        # The names of the gRPC services in faults and the trace.
        self._services = {method.service: label.partition(".")[0] for label, method in methods.items()}

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        service, _, name = handler_call_details.method.removeprefix("/").partition("/")
        label = f"{self._services.get(service, service)}.{name}"
        method = self._methods.get(label)
        if method is None or method.service != service:
            return _handler(self._missing(label), None)
        return _handler(self._answer(label, method), method)

    def _answer(self, label: str, method: Method) -> Callable[..., Message]:
        async def answer(request: Message, context: grpc.aio.ServicerContext) -> Message:
            resource = request
            for part in method.resource.split("."):
                resource = getattr(resource, part)
            try:
                return await self._calls.call(
                    label, _authorization(context), resource, method.permission, lambda who: method.run(who, request)
                )
            except ApiError as error:
                await context.abort(error.grpc, error.message, error.trailer())
            except LostReplyError:
                await context.abort(grpc.StatusCode.UNAVAILABLE, "Connection reset by the test.")

        return answer

    def _missing(self, label: str) -> Callable[..., Message]:
        async def answer(_request: bytes, context: grpc.aio.ServicerContext) -> Message:
            error = self._calls.missing(label, _authorization(context), "", f"The method {label}")
            await context.abort(error.grpc, error.message, error.trailer())

        return answer


def _handler(answer: Callable[..., Message], method: Method | None) -> grpc.RpcMethodHandler:
    """A handler over the method's messages, or over bytes."""
    return grpc.unary_unary_rpc_method_handler(
        answer,
        request_deserializer=method.request.FromString if method else None,
        response_serializer=method.response.SerializeToString if method else None,
    )


def _authorization(context: grpc.aio.ServicerContext) -> str:
    metadata = dict(context.invocation_metadata() or ())
    return str(metadata.get("authorization", ""))
