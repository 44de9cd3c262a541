-- covers: addFriends, removeFriends, setUserStatus, onUserStatusUpdate, UserStatusToName
-- covers: UserStatus.Offline, UserStatus.Invisible, UserStatus.Online, UserStatus.Away
-- covers: UserStatus.Dnd, UserStatus.Lfg, UserStatus.Playing
local support = require("support")
local constants = require("photon.chat.constants")
local ChatClient = require("photon.chat.ChatClient")
local UserStatus = constants.UserStatus

local alice, bob = support.connected("alice"), support.connected("bob")
local both = { alice, bob }
local updates = {}
function alice:onUserStatusUpdate(user, status, gotMessage, message)
    if user == "bob" then updates[#updates + 1] = { status, gotMessage, message } end
end
local function next_update(count)
    support.until_true(both, function() return #updates >= count end, "status update")
    return updates[count]
end
assert(alice:addFriends({ "bob" }) == true)
support.until_true(both, function() return #updates > 0 end)
local count = #updates

assert(bob:setUserStatus(UserStatus.Away, "tea") == true)
local update = next_update(count + 1)
support.equal(update[1], 3)
support.equal(update[2], true)
support.equal(update[3], "tea")
assert(bob:setUserStatus(UserStatus.Dnd, nil, true) == true)
update = next_update(count + 2)
support.equal(update[1], 4)
support.equal(update[2], false, "gotMessage of a skipped message")
support.equal(update[3], nil)
assert(bob:setUserStatus(UserStatus.Playing) == true)
update = next_update(count + 3)
support.equal(update[1], 6)
support.equal(update[2], true)
support.equal(update[3], nil)
assert(bob:setUserStatus(42, { level = 7 }) == true)
update = next_update(count + 4)
support.equal(update[1], 42)
support.equal(update[3].level, 7)

support.equal(bob:setUserStatus("away"), false)
support.equal(bob:setUserStatus(), false)
support.equal(bob:setUserStatus(1.5), false)
assert(alice:removeFriends({ "bob" }) == true)

support.equal(UserStatus.Offline, 0)
support.equal(UserStatus.Invisible, 1)
support.equal(UserStatus.Online, 2)
support.equal(UserStatus.Lfg, 5)
for name, value in pairs(UserStatus) do support.equal(ChatClient.UserStatusToName(value), name) end
alice:disconnect()
bob:disconnect()
