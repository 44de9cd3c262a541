-- covers: values
local support = require("support")
local photon = require("photon")
local tableutil = require("photon.common.util.tableutil")

local alice = support.connected("alice")
local room = "values" .. TRANSPORT
support.subscribed(alice, room)

-- Sends a value, and returns what arrives.
local function there_and_back(value)
    local from = #alice.trace + 1
    assert(alice:publishMessage(room, value) == true)
    return support.wait_for(alice, "onChatMessages", from)[3][1]:getContent()
end

for _, value in ipairs({
    true, false, 0, 1, -1, 2147483647, -2147483648, 2147483648, 2 ^ 53, -2 ^ 53, 2 ^ 53 + 2,
    1.5, -0.25, 1e300, math.huge, -math.huge, "", "text", "\195\164", ("x"):rep(1000),
}) do
    support.equal(there_and_back(value), value)
end
local nan = there_and_back(0 / 0)
assert(nan ~= nan)

local list = there_and_back({ 1, "two", { 3 }, true, { x = 4, [5] = "five" } })
support.equal(tableutil.toStringReq(list),
    '{[1] = 1, [2] = "two", [3] = {[1] = 3}, [4] = true, [5] = {[5] = "five", x = 4}}')
support.equal(#there_and_back({}), 0)
local mixed = there_and_back({ 1, 2, x = 3 })
support.equal(tableutil.toStringReq(mixed), "{[1] = 1, [2] = 2, x = 3}")
local keys = there_and_back({ [true] = 1, [1.5] = 2, [-3] = 3, ["4"] = 4, [2 ^ 40] = 5 })
support.equal(keys[true], 1)
support.equal(keys[1.5], 2)
support.equal(keys[-3], 3)
support.equal(keys["4"], 4)
support.equal(keys[2 ^ 40], 5)
local holes = there_and_back({ 1, nil, 3 })
support.equal(holes[1], 1)
support.equal(holes[2], nil)
support.equal(holes[3], 3)

-- Bytes and forced types.
local bytes = there_and_back(photon.bytes("\0\255raw"))
support.equal(type(bytes), "userdata")
support.equal(tostring(bytes), "\0\255raw")
support.equal(#bytes, 5)
support.equal(there_and_back(photon.int(7)), 7)
support.equal(there_and_back(photon.double(7)), 7)
support.equal(there_and_back(photon.long("9223372036854775807")), "9223372036854775807")
support.equal(there_and_back(photon.long(-5)), -5)
support.equal(there_and_back(photon.byte(255)), 255)
support.equal(there_and_back(photon.short(-300)), -300)
support.equal(there_and_back(photon.float(0.5)), 0.5)
local custom = there_and_back(photon.custom(86, "abc"))
support.equal(type(custom), "userdata")
support.equal(custom:code(), 86)
support.equal(custom:data(), "abc")
assert(#tostring(custom) > 0)
support.raises("photon.int: 1.5", photon.int, 1.5)
support.raises("photon.byte: 256", photon.byte, 256)
support.raises("photon.bytes: data must be a string, got nil", photon.bytes)

-- Mistakes have a path.
local function wrong(text, value)
    local err = support.raises(text, function() alice:publishMessage(room, value) end)
    assert(type(err) == "string" and err:find("values.lua", 1, true), "the line of the script: " .. err)
end
wrong("content is a function, which cannot be sent", print)
wrong("content[2].f is a function", { 1, { f = print } })
wrong("content.x.y is a thread", { x = { y = coroutine.create(function() end) } })
wrong("content is not UTF-8: use photon.bytes", "\255")
wrong("content.a[1] is not UTF-8", { a = { "\128" } })
wrong("content has a table as a key", { [{}] = 1 })
local cycle = { name = "cycle" }
cycle.inner = { cycle }
wrong("content.inner[1] is a table that contains itself", cycle)
local deep = {}
for _ = 1, 100000 do deep = { deep } end
wrong("is nested deeper than", deep)
wrong("content is a userdata", io.stdout)
-- Each depth is either sent or an error with the path.
local nested, greatest = 1, 0
local last_id = alice:getPublicChannels()[room]:getLastId()
for depth = 1, 60 do
    nested = { nested }
    local ok, result = pcall(alice.publishMessage, alice, room, nested)
    if ok then
        support.equal(result, true, "depth " .. depth)
        greatest = depth
    else
        assert(result:find("is nested deeper than", 1, true), result)
    end
end
assert(greatest >= 20 and greatest < 60)
-- All of them arrive.
support.until_true(alice, function()
    return alice:getPublicChannels()[room]:getLastId() >= last_id + greatest
end)
-- The same part twice is no cycle.
local part = { 1 }
support.equal(#there_and_back({ part, part }), 2)
-- Shared parts that would grow without limit, and long texts, are too long.
local wide = { 1 }
for _ = 1, 29 do wide = { wide, wide, wide, wide } end
support.equal(alice:publishMessage(room, wide), false)
support.equal(alice:publishMessage(room, { x = ("x"):rep(40000) }), false)
support.equal(alice:publishMessage(room, ("x"):rep(2000000)), false)
-- Metamethods do not run.
local proxy = setmetatable({ 1 }, { __index = function() error("read") end, __len = function() return 9 end })
support.equal(#there_and_back(proxy), 1)
alice:disconnect()
