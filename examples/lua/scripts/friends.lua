-- A friends list: shows what friends do.
--   photon-lua scripts/friends.lua NAME FRIEND,FRIEND.. [SECONDS] [SERVER]
local photon = require("photon")
local ChatClient = require("photon.chat.ChatClient")
local UserStatus = require("photon.chat.constants").UserStatus

local name, friends = arg[1] or "guest", {}
for friend in (arg[2] or "echo"):gmatch("[^,]+") do friends[#friends + 1] = friend end

local client = ChatClient.new(arg[4] or "udp://127.0.0.1:5058", "app", "1.0")
client:setUserId(name)

function client:onStateChange(state)
    if state == ChatClient.State.ConnectedToFrontEnd then
        self:addFriends(friends)
        self:setUserStatus(UserStatus.Online, "looking at my friends")
    end
end

function client:onUserStatusUpdate(userId, status, gotMessage, statusMessage)
    local text = ChatClient.UserStatusToName(status) or status
    if gotMessage and statusMessage then text = text .. " (" .. tostring(statusMessage) .. ")" end
    print(userId .. " is " .. text)
end

client:connectToRegionFrontEnd("eu")
photon.run(client, tonumber(arg[3]) or 3)
