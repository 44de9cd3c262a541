-- covers: modules, tableutil.toStringReq, socket, photon.now, photon.sleep, photon.run
local support = require("support")

local ok, photon = pcall(require, "plugin.photon")
assert(ok and photon == require("photon"))
assert(photon.chat.ChatClient == require("photon.chat.ChatClient"))
assert(photon.chat.Channel == require("photon.chat.Channel"))
assert(photon.chat.Message == require("photon.chat.Message"))
assert(photon.chat.constants == require("photon.chat.constants"))
assert(photon.common.Logger == require("photon.common.Logger"))
assert(photon.common.util.tableutil == require("photon.common.util.tableutil"))
local err = support.raises("module 'photon.nothing' not found", require, "photon.nothing")
assert(type(err) == "string")

local toString = photon.common.util.tableutil.toStringReq
support.equal(toString(nil), "nil")
support.equal(toString("x"), "x")
support.equal(toString({ b = { 1, true }, a = "q" }), '{a = "q", b = {[1] = 1, [2] = true}}')
local cycle = { 1 }
cycle.self = cycle
support.equal(toString(cycle), "{[1] = 1, self = <cycle>}")
local deep = {}
for _ = 1, 100000 do deep = { deep } end
assert(#toString(deep) < 10000)

local socket = require("socket")
local before = socket.gettime()
local start = photon.now()
socket.sleep(0.01)
photon.sleep(0.01)
photon.sleep(-1)
assert(photon.now() - start >= 0.02)
assert(socket.gettime() - before >= 0.015 and before > 1e9)
support.raises("photon.sleep: seconds must be a number, got string", photon.sleep, "long")

-- run services until the time is over.
local client = support.client()
start = photon.now()
support.equal(photon.run(client, 0.02), true)
assert(photon.now() - start >= 0.02)
client:connectToRegionFrontEnd("eu")
support.equal(photon.run({ client }, function() return client.state == 4 end), true)
support.raises("photon.run: clients[1] must be a client", photon.run, { 5 }, 1)
support.raises("photon.run: limit must be a number", photon.run, client)
support.equal(photon.run({}, 0), true)
support.equal(photon.run({}, 0 / 0), true)
photon.sleep(0 / 0)
client:disconnect()
