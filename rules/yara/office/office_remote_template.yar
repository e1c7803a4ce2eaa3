/*
    Links that a reader clicks are external relationships too; templates, objects and frames are
    loaded without a click.
*/
rule office_remote_template
{
    meta:
        title_zh = "Office 文档引用外部主机上的模板或对象"
        title_en = "Office document that loads a template or object from another host"
        description = "An Office relationship part that names an external target at another host, by HTTP, FTP, WebDAV or SMB, for a template, an embedded object, a frame or a sub-document"
        description_zh = "Office 关系部件以外部目标的方式，经 HTTP、FTP、WebDAV 或 SMB 引用另一主机上的模板、嵌入对象、框架或子文档"
        author = "secwatch"
        date = "2026-11-24"
        version = "1.0"
        severity = "high"
        confidence = 70
        aspect = "info"
        attack = "T1221"
        false_positives = "Templates that an organisation keeps on its own web server or share"
        false_positives_zh = "单位存放在自己的网站或共享目录上的模板"
        response_zh = "不要打开该文档；查明来源邮件和收件人并撤回；询问是否有人启用过宏，对打开过它的主机隔离检查。"
        response_en = "Do not open the document; find the mail that brought it and everybody who got it, and recall it; ask who opened it or allowed its macros, and isolate and examine those hosts"
        reference = "https://attack.mitre.org/techniques/T1221/"
        licence = "MIT"

    strings:
        $part = /<Relationships[\s>]/
        $type_first = /<Relationship\s[^>]{0,400}\/(attachedTemplate|oleObject|frame|subDocument|webSettings|externalLinkPath)["'][^>]{0,400}\bTarget\s{0,2}=\s{0,2}["'](https?:|ftp:|mhtml:|file:\/{2,5}[a-z0-9.\-]{2,80}\/|file:\/{0,5}\\\\|\\\\)/ nocase
        $target_first = /<Relationship\s[^>]{0,400}\bTarget\s{0,2}=\s{0,2}["'](https?:|ftp:|mhtml:|file:\/{2,5}[a-z0-9.\-]{2,80}\/|file:\/{0,5}\\\\|\\\\)[^>]{0,600}\/(attachedTemplate|oleObject|frame|subDocument|externalLinkPath)["']/ nocase
        $external = /\bTargetMode\s{0,2}=\s{0,2}["']External["']/ nocase

    condition:
        filesize < 4MB and $part and $external and any of ($type_first, $target_first)
}
