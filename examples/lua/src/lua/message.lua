local rust = ...

-- Of each message, so not looked up among the globals.
local setmetatable = setmetatable

-- A message: its sender and its content. It never changes.
local Message = {}
Message.__index = Message

function Message:getSender() return self[1] end
function Message:getContent() return self[2] end

-- Puts up to eight messages into `list`, behind its first `at` ones. Rust calls it with senders and
-- contents side by side. There is no loop, because most of the cost of a message would be the way
-- of its two values through a table of arguments.
function rust.append_messages(list, at, s1, c1, s2, c2, s3, c3, s4, c4, s5, c5, s6, c6, s7, c7, s8, c8)
    list[at + 1] = setmetatable({ s1, c1 }, Message)
    if not s2 then return end
    list[at + 2] = setmetatable({ s2, c2 }, Message)
    if not s3 then return end
    list[at + 3] = setmetatable({ s3, c3 }, Message)
    if not s4 then return end
    list[at + 4] = setmetatable({ s4, c4 }, Message)
    if not s5 then return end
    list[at + 5] = setmetatable({ s5, c5 }, Message)
    if not s6 then return end
    list[at + 6] = setmetatable({ s6, c6 }, Message)
    if not s7 then return end
    list[at + 7] = setmetatable({ s7, c7 }, Message)
    if not s8 then return end
    list[at + 8] = setmetatable({ s8, c8 }, Message)
end

return Message
