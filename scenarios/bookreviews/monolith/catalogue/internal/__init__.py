"""The internal APIs: gRPC services over the same models, served by `manage.py serve_grpc`."""
