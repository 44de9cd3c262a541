local rust, modules = ...
local Message = modules["photon.chat.Message"]

-- Of each message, so not looked up among the globals.
local setmetatable = setmetatable

-- The place of the channel's data. A table as the key clashes with no field of a script.
local DATA = {}

local Channel = { DATA = DATA }
Channel.__index = Channel

function Channel:getName() return self[DATA].name end
function Channel:isPrivate() return self[DATA].private end
function Channel:getLastId() return self[DATA].handle:last_id() end
function Channel:clearMessages() self[DATA].handle:clear() end

-- Senders and contents, side by side, become messages at the end of `list`.
local function append(list, ...)
    local flat = { ... }
    local at = #list
    for i = 1, select("#", ...), 2 do
        at = at + 1
        list[at] = setmetatable({ flat[i], flat[i + 1] }, Message)
    end
    return list
end
rust.append_messages = append

function Channel:getMessages()
    local handle, list = self[DATA].handle, {}
    local count = handle:count()
    while #list < count do
        append(list, handle:messages(#list))
    end
    return list
end

return Channel
