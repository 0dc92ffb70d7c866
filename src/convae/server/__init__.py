"""The HTTP API of ``convae serve``, and its page: FastAPI on the outside, plain functions inside.

- application, routes_models, routes_verbs, routes_service, routes_page: the application, and its routes by
  subject
- context: what the routes share, and the way of a request through the server
- image_requests, made_images: from the body of a request to its answer, for verbs that take images and for
  verbs that make them
- openapi: what the description of the API says of bodies and answers
- running: the server process: sockets, signals, draining
- security: middleware: foreign hosts and origins, the token, response headers
- settings, models: the limits; the models that are served
- bodies, given_images: request bodies, tar files and NumPy arrays; images that came as bytes
- answers, formats: apply a model to images; the results as JSON, PNG, TIFF or NPY
- engine, admission: the line of requests and the thread that computes; how much may wait
- metrics, logs: counts for Prometheus, and log lines as JSON
- failures: what is answered when something is wrong

Fastapi and uvicorn are the extra ``web``; nothing outside of this room imports them.
"""
