// Swagger UI on our own API; requests carry the session's token against forgery.
const token = document.querySelector('meta[name="csrf"]').content;
SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#swagger",
  deepLinking: true,
  validatorUrl: null,
  requestInterceptor: (request) => {
    if (token) request.headers["X-CSRF-Token"] = token;
    return request;
  },
});
