// A server that keeps what is PUT under any path. GET and FETCH give it back, and can be
// observed; PATCH and iPATCH add to it; DELETE removes it. /slow answers late, /options tells
// which options came.
const coap = require('coap')

// It takes an ETag for text, which changes most of them.
coap.registerOption('ETag', (value) => value, (value) => value)

const store = new Map() // of buffers, by path
const observers = new Map() // of sets of responses, by path

const slowly = 300 // ms: more than node-coap waits before it acknowledges

function etagOf (body) {
  return require('crypto').createHash('sha256').update(body).digest().subarray(0, 4)
}

function end (res, code, body) {
  res.code = code
  res.end(body)
}

function get (req, res, path) {
  const body = store.get(path)
  if (body === undefined) return end(res, '4.04')
  const etag = etagOf(body)
  res.setOption('ETag', etag)
  if (req._packet.options.some((o) => o.name === 'ETag' && o.value.equals(etag))) return end(res, '2.03')
  if (req.headers.Observe !== 0) return end(res, '2.05', body)
  res.statusCode = '2.05'
  const all = observers.get(path) || new Set()
  observers.set(path, all.add(res))
  res.on('finish', () => all.delete(res))
  res.on('error', (err) => console.log('not sent', path, err.message))
  console.log('observed', path, all.size)
  res.write(body)
}

function keep (path, body, res, code) {
  store.set(path, body)
  end(res, code)
  for (const o of observers.get(path) || []) o.write(body)
}

const methods = {
  GET: get,
  FETCH: (req, res, path) => {
    const body = store.get(path)
    if (body === undefined) return end(res, '4.04')
    end(res, '2.05', Buffer.concat([req.payload, body]))
  },
  PUT: (req, res, path) => keep(path, Buffer.from(req.payload), res, store.has(path) ? '2.04' : '2.01'),
  POST: (req, res) => end(res, '2.04', req.payload),
  PATCH: (req, res, path) => keep(path, Buffer.concat([store.get(path) || Buffer.alloc(0), req.payload]), res, '2.04'),
  DELETE: (req, res, path) => {
    store.delete(path)
    end(res, '2.02')
  }
}
methods.iPATCH = methods.PATCH

const server = coap.createServer((req, res) => {
  const path = req.url.split('?')[0]
  console.log(req.method, req.url, 'observe', req.headers.Observe, req.payload.length)
  if (req.headers.Observe === 1) {
    for (const o of observers.get(path) || []) {
      if (o._packet.token.equals(req._packet.token)) o.end()
    }
  }
  if (path === '/slow') return setTimeout(() => end(res, '2.05', 'late'), slowly)
  if (path === '/options') {
    return end(res, '2.05', req._packet.options.map((o) => `${o.name}=${o.value.toString('hex')}`).join(' '))
  }
  methods[req.method](req, res, path)
})

server.on('error', (err) => console.log('error', err.message))

server.listen(0, '127.0.0.1', () => console.log(`listening on 127.0.0.1:${server._sock.address().port}`))
