-- Checks of arguments. Errors are raised with the line of the script: three levels up, from a function
-- of the API that calls one of these.
local arguments = {}

function arguments.check(name, argument, value, expected, optional, level)
    local kind = type(value)
    if kind ~= expected and not (optional and value == nil) then
        error(("ChatClient.%s: %s must be a %s, got %s"):format(
            name, argument, expected, value == nil and "nil" or kind), level or 3)
    end
end

function arguments.check_strings(name, argument, list)
    for i = 1, #list do
        if type(list[i]) ~= "string" then
            error(("ChatClient.%s: %s[%d] must be a string, got %s"):format(
                name, argument, i, type(list[i])), 3)
        end
    end
end

function arguments.is_int(value)
    return type(value) == "number" and value >= -2147483648 and value <= 2147483647
        and value == math.floor(value)
end

function arguments.check_int(name, argument, value, optional)
    if not arguments.is_int(value) and not (optional and value == nil) then
        local got = type(value) == "number" and tostring(value) or type(value)
        error(("ChatClient.%s: %s must be an integer number, got %s"):format(name, argument, got), 3)
    end
end

function arguments.is_list(value)
    if type(value) ~= "table" then return false end
    local count = 0
    for key in next, value do
        if type(key) ~= "number" then return false end
        count = count + 1
    end
    return count == #value
end

return arguments
