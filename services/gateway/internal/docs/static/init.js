// Swagger UI over the contract of the API. The contract is shown as it is,
// except that each operation can be executed as it is offered.

const contract = '/docs/openapi.yaml';

// uniqueBody returns the example of a request body with an e-mail address that
// no account has. For a POST it has a session id that no session has, too, so
// that the request creates something.
function uniqueBody(example, method) {
  if (Array.isArray(example)) {
    return example.map((item) => uniqueBody(item, method));
  }
  const body = { ...example };
  if ('email' in body) {
    body.email = body.email.replace('@', `.${crypto.getRandomValues(new Uint32Array(1))[0]}@`);
  }
  if ('session_id' in body && method === 'post') {
    body.session_id = crypto.getRandomValues(new Uint32Array(1))[0];
  }
  return body;
}

function text(mediaType, body) {
  return mediaType === 'application/x-ndjson' ? JSON.stringify(body) : JSON.stringify(body, null, 2);
}

// offered returns the contract with no value in optional parameters, which
// Swagger UI would send, and with examples of bodies that can be sent.
function offered(spec) {
  const resolve = (node) => (node.$ref ? node.$ref.slice(2).split('/').reduce((at, name) => at[name], spec) : node);
  const parameter = (ref) => {
    const { example, ...rest } = resolve(ref);
    if (rest.required) {
      return { ...rest, example };
    }
    const { default: unset, ...schema } = resolve(rest.schema);
    const notes = [rest.description];
    if (unset !== undefined) {
      notes.push(`By default \`${unset}\`.`);
    }
    if (example !== undefined) {
      notes.push(`Example: \`${Array.isArray(example) ? example.join(',') : example}\``);
    }
    return { ...rest, schema, description: notes.join('\n\n') };
  };
  const body = (method, ref) => {
    const { content, ...rest } = resolve(ref);
    const offeredContent = Object.entries(content).map(([mediaType, { examples, ...media }]) => {
      const [first] = Object.values(examples ?? {}).map(resolve);
      if (!first) {
        return [mediaType, media];
      }
      return [mediaType, { ...media, example: text(mediaType, uniqueBody(first.value, method)) }];
    });
    return { ...rest, content: Object.fromEntries(offeredContent) };
  };
  const paths = Object.entries(spec.paths).map(([path, item]) => [path, Object.fromEntries(
    Object.entries(item).map(([method, operation]) => {
      if (method === 'parameters') {
        return [method, operation.map(parameter)];
      }
      return [method, {
        ...operation,
        ...(operation.parameters && { parameters: operation.parameters.map(parameter) }),
        ...(operation.requestBody && { requestBody: body(method, operation.requestBody) }),
      }];
    }),
  )]);
  return { ...spec, paths: Object.fromEntries(paths) };
}

// renewBody replaces a body that was sent by one that can be sent next, unless
// the reader wrote it.
function renewBody(system, path, method) {
  const sent = system.oas3Selectors.requestBodyValue(path, method);
  const mediaType = system.oas3Selectors.requestContentType(path, method);
  const example = system.specSelectors.specJson().getIn(['paths', path, method, 'requestBody', 'content', mediaType, 'example']);
  if (!sent || !example) {
    return;
  }
  try {
    const body = JSON.parse(sent);
    const offeredBody = JSON.parse(example);
    const shape = (value) => JSON.stringify(value).replace(/\.?\d+@/g, '@').replace(/"session_id":\d+/g, '');
    if (shape(body) === shape(offeredBody)) {
      const renewed = uniqueBody(offeredBody, method);
      system.oas3Actions.setRequestBodyValue({ value: text(mediaType, renewed), pathMethod: [path, method] });
    }
  } catch {
    // The reader wrote something else.
  }
}

// offerID puts the id of a resource that was just created into the operations
// on one resource of its kind. The PUT of a session keeps its example, whose
// body repeats the id.
function offerID(system, response) {
  const name = response.obj?.id ? 'id' : 'session_id';
  const id = response.obj?.[name];
  if (response.status !== 201 || id === undefined) {
    return;
  }
  system.specSelectors.specJson().get('paths').forEach((item, path) => {
    if (path.includes(`{${name}}`)) {
      item.keySeq().filter((key) => key !== 'parameters' && (key !== 'put' || name === 'id')).forEach((method) => {
        system.specActions.changeParam([path, method], name, 'path', String(id), false);
      });
    }
  });
}

const plugin = () => ({
  statePlugins: {
    spec: {
      wrapActions: {
        updateJsonSpec: (update) => (spec) => update(spec.paths ? offered(spec) : spec),
        setResponse: (set, system) => (path, method, response) => {
          if (response.status < 300) {
            renewBody(system, path, method);
          }
          if (method === 'post') {
            offerID(system, response);
          }
          return set(path, method, response);
        },
      },
    },
  },
});

// openStream opens a stream in a tab of its own. A stream has no end, and
// Swagger UI shows an answer only once it has ended, so it gets the events that
// are there.
function openStream(request) {
  const headers = new Headers(request.headers);
  if (headers.get('Accept') === 'text/event-stream') {
    const { pathname, search } = new URL(request.url);
    window.open(`/docs/stream?url=${encodeURIComponent(pathname + search)}`, '_blank', 'noopener');
    headers.set('Accept', 'application/cloudevents-batch+json');
    request.headers = Object.fromEntries(headers);
  }
  return request;
}

SwaggerUIBundle({
  url: contract,
  dom_id: '#swagger-ui',
  deepLinking: true,
  displayRequestDuration: true,
  docExpansion: 'list',
  defaultModelsExpandDepth: 0,
  tryItOutEnabled: true,
  validatorUrl: null,
  plugins: [plugin],
  requestInterceptor: openStream,
});
