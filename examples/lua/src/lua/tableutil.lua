local tableutil = {}

-- Deeper tables are cut off: a text of them would not be readable, and the stack has an end.
local MAX_DEPTH = 100

local function order(a, b)
    local kind_a, kind_b = type(a), type(b)
    if kind_a ~= kind_b then return kind_a < kind_b end
    if kind_a == "number" or kind_a == "string" then return a < b end
    return tostring(a) < tostring(b)
end

local function write(value, out, around, depth)
    if type(value) == "string" then
        out[#out + 1] = depth > 0 and string.format("%q", value) or value
    elseif type(value) ~= "table" then
        out[#out + 1] = tostring(value)
    elseif around[value] then
        out[#out + 1] = "<cycle>"
    elseif depth >= MAX_DEPTH then
        out[#out + 1] = "{...}"
    else
        around[value] = true
        local keys = {}
        for key in next, value do keys[#keys + 1] = key end
        table.sort(keys, order)
        out[#out + 1] = "{"
        for i, key in ipairs(keys) do
            if i > 1 then out[#out + 1] = ", " end
            out[#out + 1] = type(key) == "string" and key or "[" .. tostring(key) .. "]"
            out[#out + 1] = " = "
            write(rawget(value, key), out, around, depth + 1)
        end
        out[#out + 1] = "}"
        around[value] = nil
    end
end

-- Returns a readable text of a value: of tables with all that is in them.
function tableutil.toStringReq(value)
    local out = {}
    write(value, out, {}, 0)
    return table.concat(out)
end

return tableutil
