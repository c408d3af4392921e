// One request, described by a line of JSON on the standard input. Each response, or
// notification, is a line of JSON on the standard output. Where it observes, the next line of
// input cancels.
const coap = require('coap')
const dgram = require('dgram')
const readline = require('readline')

const optionEcho = '252'

// It takes an ETag for text, which changes most of them.
coap.registerOption('ETag', (value) => value, (value) => value)

// With a socket of its own it stays open between two requests.
const agent = new coap.Agent({ socket: dgram.createSocket('udp4') })

// node-coap neither sends an Echo again nor cuts a body into blocks by itself: the program
// that uses it sets both options.
function send (r, echo) {
  const url = new URL(r.uri)
  const req = coap.request({
    agent,
    hostname: url.hostname,
    port: Number(url.port),
    pathname: url.pathname,
    query: url.search.slice(1),
    method: r.method,
    confirmable: !r.non,
    observe: r.observe
  })
  for (const o of r.options) req.setOption(String(o.number), Buffer.from(o.value, 'hex'))
  if (echo) req.setOption(optionEcho, echo)
  const szx = Math.log2(r.block) - 4
  const body = Buffer.from(r.body, 'hex')
  if (body.length > r.block) req.setOption('Block1', Buffer.of(szx))
  else if (r.block < 1024) req.setOption('Block2', Buffer.of(szx))
  req.on('error', (err) => {
    console.log(JSON.stringify({ error: err.message }))
    process.exit(1)
  })
  req.on('response', (res) => {
    const again = optionOf(res, optionEcho)
    if (res.code === '4.01' && again && !echo) send(r, again)
    else if (r.observe) watch(res)
    else answered(res)
  })
  req.end(body)
}

function optionOf (res, name) {
  const option = res._packet.options.find((o) => String(o.name) === name)
  return option && option.value
}

function print (res, body, then) {
  const etag = res._packet.options.find((o) => o.name === 'ETag')
  const line = { code: res.code, etag: etag ? etag.value.toString('hex') : '', body: body.toString('hex') }
  process.stdout.write(JSON.stringify(line) + '\n', then)
}

function answered (res) {
  print(res, res.payload, () => process.exit(0))
}

function watch (res) {
  res.on('data', (body) => print(res, body))
  input.once('line', () => {
    res.close(true) // with a GET that says so
    console.log('cancelled')
  })
}

const input = readline.createInterface({ input: process.stdin })
input.once('line', (line) => send(JSON.parse(line)))
