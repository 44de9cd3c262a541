-- covers: PeerErrorCode.Ok, PeerErrorCode.FrontEndError, PeerErrorCode.FrontEndConnectFailed
-- covers: PeerErrorCode.FrontEndConnectClosed, PeerErrorCode.FrontEndTimeout
-- covers: PeerErrorCode.FrontEndEncryptionEstablishError, PeerErrorCode.FrontEndAuthenticationFailed
-- covers: PeerErrorCode.NameServerError, PeerErrorCode.NameServerConnectFailed
-- covers: PeerErrorCode.NameServerConnectClosed, PeerErrorCode.NameServerTimeout
-- covers: PeerErrorCode.NameServerEncryptionEstablishError, PeerErrorCode.NameServerAuthenticationFailed
-- covers: State.Error, onError, ErrorCode, onEvent, onOperationResponse
local support = require("support")
local ChatClient = require("photon.chat.ChatClient")
local constants = require("photon.chat.constants")

local codes = {
    Ok = 0,
    FrontEndError = 1001, FrontEndConnectFailed = 1002, FrontEndConnectClosed = 1003,
    FrontEndTimeout = 1004, FrontEndEncryptionEstablishError = 1005,
    FrontEndAuthenticationFailed = 1101,
    NameServerError = 3001, NameServerConnectFailed = 3002, NameServerConnectClosed = 3003,
    NameServerTimeout = 3004, NameServerEncryptionEstablishError = 3005,
    NameServerAuthenticationFailed = 3101,
}
for name, code in pairs(codes) do support.equal(ChatClient.PeerErrorCode[name], code, name) end
for name in pairs(ChatClient.PeerErrorCode) do assert(codes[name], name) end

local states = {
    Error = -1, Uninitialized = 0, ConnectingToNameServer = 1, ConnectedToNameServer = 2,
    ConnectingToFrontEnd = 3, ConnectedToFrontEnd = 4, Disconnected = 10,
}
for name, code in pairs(states) do
    support.equal(ChatClient.State[name], code, name)
    support.equal(ChatClient.StateToName(code), name)
end
for name in pairs(ChatClient.State) do assert(states[name], name) end
support.equal(ChatClient.StateToName(77), nil)

support.equal(constants.ErrorCode.InvalidAuthentication, 32767)
support.equal(constants.ErrorCode.MaxCcuReached, 32757)
support.equal(constants.ErrorCode.InvalidRegion, 32756)
support.equal(constants.ErrorCode.CustomAuthenticationFailed, 32755)
support.equal(constants.ErrorCode.InvalidOperation, -2)

-- Nothing listens there: state, then error. The state is Error in both.
local client = ChatClient.new("tcp://127.0.0.1:1", "app", "1.0")
local trace = {}
function client:onStateChange(state) trace[#trace + 1] = "state " .. state end
function client:onError(code, text)
    assert(type(text) == "string" and #text > 0)
    support.equal(self.state, ChatClient.State.Error)
    trace[#trace + 1] = "error " .. code
end
assert(client:connectToRegionFrontEnd("eu") == true)
support.until_true(client, function() return #trace == 3 end)
support.equal(table.concat(trace, ", "), "state 1, state -1, error 3002")
-- The client continues: connecting again is legal, also inside the callback.
local again
function client:onError()
    if again == nil then
        again = self:connectToRegionFrontEnd("eu")
        support.equal(self.state, -1, "no later state inside the callback")
    end
end
trace = {}
assert(client:connectToRegionFrontEnd("eu") == true)
support.until_true(client, function() return #trace == 4 end)
support.equal(again, true)
support.equal(table.concat(trace, ", "), "state 1, state -1, state 1, state -1")
client:disconnect()

-- An address that cannot be parsed is refused by the call.
local bad = ChatClient.new("what is this", "app", "1.0")
bad.logger.level = 0
support.equal(bad:connectToNameServer(), false)
support.equal(bad.state, 0)
support.equal(bad:connectToRegionFrontEnd("eu"), false)

-- A region that does not exist: the login is refused.
local lost = support.client()
assert(lost:connectToRegionFrontEnd("nowhere") == true)
local event = support.wait_for(lost, "onError")
support.equal(event[2], ChatClient.PeerErrorCode.NameServerAuthenticationFailed)

-- A response to a chat operation.
local alice = support.connected()
assert(alice:publishMessage("never subscribed", "x") == true)
event = support.wait_for(alice, "onOperationResponse")
assert(event[2] ~= 0 and event[4] == 2, "publish was refused")
assert(type(event[5]) == "table")
alice:onEvent(99, {}, 0)
ChatClient.onEvent(alice, 99, {}, 0)
alice:disconnect()
